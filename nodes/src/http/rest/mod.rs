//! A client of a REST service: paths below a base address, answers page by page.

mod client;
mod link;
mod pages;
mod pagination;
mod path;
mod turn;

pub use client::RestClient;
pub use pagination::{PageKind, Pagination};
