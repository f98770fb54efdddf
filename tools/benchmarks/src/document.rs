//! The measured part of docs/performance.md. What is around it is written by people.

use crate::Fallible;
use local::binaries::workspace;
use std::fs;

const BEGIN: &str = "<!-- measured: written by `cargo benchmark`, not by hand -->";
const END: &str = "<!-- end of what was measured -->";

/// Puts `measured` in place of what was measured before.
pub(crate) fn write(measured: &str) -> Fallible<()> {
    let path = workspace().join("docs").join("performance.md");
    let before = fs::read_to_string(&path)?;
    let after = replaced(&before, measured).ok_or("docs/performance.md does not have the two marks")?;
    Ok(fs::write(&path, after)?)
}

fn replaced(document: &str, measured: &str) -> Option<String> {
    let (before, rest) = document.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", measured.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_changes() {
        let document = format!("# Title\n{BEGIN}\nold\n{END}\nProse.\n");
        let expected = format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nProse.\n");
        assert_eq!(replaced(&document, "\nnew\n"), Some(expected.clone()));
        assert_eq!(replaced(&expected, "new"), Some(expected));
        assert_eq!(replaced("# Title\n", "new"), None);
    }
}
