//! Data for trying the API: three demo tenants, one for each way to authorize, and a room without a chat.

mod endpoint;
mod room;
mod tenants;

pub use endpoint::Endpoint;
pub use room::{ROOM, add_room};
pub use tenants::{DemoTenants, PERMISSIONS, TenantName, TokenRequest};

/// The audience of the demo room and of the commands that `cargo local` prints. It belongs to the tenant `school`.
pub const AUDIENCE: &str = "school.example.org";

/// The folder of the keys, in the workspace. It is never committed.
pub const FOLDER: &str = "target/local";
