//! What can be wrong with a tenant's document.

use std::fmt;

/// A fault of a tenant's document. The text names its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantFault {
    /// The names and indices that lead to the place.
    pub path: Vec<String>,
    /// What is wrong there.
    pub problem: String,
}

impl TenantFault {
    /// Creates the fault at `path`.
    pub fn new<const N: usize>(path: [&str; N], problem: impl Into<String>) -> Self {
        Self {
            path: path.map(ToOwned::to_owned).to_vec(),
            problem: problem.into(),
        }
    }
}

impl fmt::Display for TenantFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, name) in self.path.iter().enumerate() {
            match depth {
                0 => formatter.write_str(name)?,
                _ if name.parse::<usize>().is_ok() => write!(formatter, "[{name}]")?,
                // An audience or a value, which may have dots.
                1 => write!(formatter, ".{name:?}")?,
                _ => write!(formatter, ".{name}")?,
            }
        }
        write!(formatter, ": {}", self.problem)
    }
}
