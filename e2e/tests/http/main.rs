//! What every route answers, on a stack that all tests share.

mod main_job;
