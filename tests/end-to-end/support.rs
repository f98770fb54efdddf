//! What the tests of the API stand on: a stack of one's own, a client of it, a look into the table, and a proxy that makes
//! the faults that the embedded backends can't.

mod api;
mod proxy;
mod table;

pub(crate) use api::{Answer, Api, EVENT_SERVICE, TABLE, binaries, template};
pub(crate) use proxy::{Act, Proxy, Seen};
pub(crate) use table::Table;

/// An audience of the demo tenants.
pub(crate) const SCHOOL: &str = "school.example.org";
