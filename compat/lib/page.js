// A page in a browser, for React. To be imported before it.

import { JSDOM } from 'jsdom';
import { target } from './target.js';

const { window } = new JSDOM('<!doctype html><body></body>', { url: `${target.frontend}/`, pretendToBeVisual: true });

for (const name of ['window', 'document', 'navigator', 'localStorage', 'HTMLElement', 'Node', 'CustomEvent', 'StorageEvent']) {
  Object.defineProperty(globalThis, name, { value: window[name], configurable: true, writable: true });
}

/** The page's timers keep a test from ending. */
export function closePage() {
  window.close();
}
