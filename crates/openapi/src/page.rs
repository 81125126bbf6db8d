//! The page: every operation by tag, with what it takes and gives. No script, so that
//! it can be served under a policy that allows none.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use minijinja::{Environment, context, value::Serde};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Operation<'a> {
    method: String,
    path: &'a str,
    summary: &'a str,
    description: &'a str,
    /// As JSON, for the curious.
    details: String,
}

/// `document` is an OpenAPI document as JSON.
pub(crate) fn render(document: &Value) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::Html);
    environment.add_template("reference", include_str!("reference.html"))?;
    let schemas = serde_json::to_string_pretty(&document["components"]["schemas"])?;
    let page = environment.get_template("reference")?.render(context! {
        title => document["info"]["title"].as_str(),
        version => document["info"]["version"].as_str(),
        description => document["info"]["description"].as_str(),
        groups => Serde(groups(document)?),
        schemas,
    })?;
    Ok(page + "\n")
}

fn groups(document: &Value) -> Result<BTreeMap<&str, Vec<Operation<'_>>>> {
    let paths = document["paths"].as_object().context("a document has paths")?;
    let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let tag = operation["tags"][0].as_str().unwrap_or("other");
            groups.entry(tag).or_default().push(Operation {
                method: method.to_uppercase(),
                path,
                summary: operation["summary"].as_str().unwrap_or_default(),
                description: operation["description"].as_str().unwrap_or_default(),
                details: details(operation)?,
            });
        }
    }
    Ok(groups)
}

fn details(operation: &Value) -> Result<String> {
    let parts = ["parameters", "requestBody", "responses"].into_iter();
    let parts: BTreeMap<_, _> =
        parts.filter_map(|part| Some((part, operation.get(part)?))).collect();
    Ok(serde_json::to_string_pretty(&parts)?)
}
