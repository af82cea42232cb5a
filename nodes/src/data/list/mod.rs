//! Lists: filtered, mapped, sorted, aggregated and cut into windows.

mod aggregate;
mod field;
mod filter;
mod group;
mod map;
mod metric;
mod order;
mod sort;
mod window;

pub(super) use aggregate::Aggregate;
pub(super) use filter::Filter;
pub(super) use map::MapItems;
pub(super) use sort::Sort;
pub(super) use window::Window;
