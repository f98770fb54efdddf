//! What is there to try the API with: three demo tenants, one for each way to authorize, and a room that no chat has yet.

mod endpoint;
mod room;
mod tenants;

pub use endpoint::Endpoint;
pub use room::{ROOM, add_room};
pub use tenants::{DemoTenants, TenantName, TokenRequest};

/// The audience of the demo room and of the calls that `cargo local` prints: the tenant `school`'s.
pub const AUDIENCE: &str = "school.example.org";

/// Where keys are kept, in the workspace; never committed.
pub const FOLDER: &str = "target/local";
