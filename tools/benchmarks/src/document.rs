//! Writes the measured part of docs/performance.md, and its pictures. People write the rest of the document.

use crate::Fallible;
use local::binaries::workspace;
use std::fs;

const BEGIN: &str = "<!-- measured: written by `cargo benchmark`, not by hand -->";
const END: &str = "<!-- end of what was measured -->";

/// Replaces the measured part with `measured`.
pub(crate) fn write(measured: &str) -> Fallible<()> {
    let path = workspace().join("docs").join("performance.md");
    let before = fs::read_to_string(&path)?;
    let after = replaced(&before, measured)
        .ok_or("docs/performance.md has no measured part: the two comments around it are missing")?;
    Ok(fs::write(&path, after)?)
}

/// Writes pictures, given as file name and content, into a folder of the workspace.
pub(crate) fn write_pictures(folder: &str, pictures: &[(String, String)]) -> Fallible<()> {
    let folder = workspace().join(folder);
    fs::create_dir_all(&folder)?;
    for (name, picture) in pictures {
        fs::write(folder.join(name), picture)?;
    }
    Ok(())
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
    fn only_the_text_between_the_marks_changes() {
        let document = format!("# Title\n{BEGIN}\nold\n{END}\nProse.\n");
        let expected = format!("# Title\n{BEGIN}\n\nnew\n\n{END}\nProse.\n");
        assert_eq!(replaced(&document, "\nnew\n"), Some(expected.clone()));
        assert_eq!(replaced(&expected, "new"), Some(expected));
        assert_eq!(replaced("# Title\n", "new"), None);
    }
}
