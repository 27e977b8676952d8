//! Folders of charts as a whole: their digest, and copies of them.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::digest::{Digest, Hasher};

/// Links to parents: deeper than this is no chart.
const DEPTH: usize = 24;

/// No part of any chart, often larger than all of it.
const LEFT_OUT: [&str; 1] = [".git"];

/// Digest of all files below a folder, by path and content. Links are followed, as Helm does.
pub(super) fn digest(folder: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new();
    for (name, path) in files(folder)? {
        hasher.field(&name);
        hasher.field(Digest::of_file(&path)?.hex());
    }
    Ok(hasher.finish())
}

/// Copies all files of a folder into another. Links become what they point at.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for (name, path) in files(from)? {
        let target = to.join(name);
        if let Some(folder) = target.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(path, target)?;
    }
    Ok(())
}

/// Paths below the folder, with `/`, and where they are; sorted.
fn files(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut found = Vec::new();
    list(folder, "", 0, &mut found)?;
    found.sort();
    Ok(found)
}

fn list(
    folder: &Path,
    prefix: &str,
    depth: usize,
    found: &mut Vec<(String, PathBuf)>,
) -> io::Result<()> {
    if depth > DEPTH {
        return Err(io::Error::other(format!(
            "{} is nested too deep",
            folder.display()
        )));
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if LEFT_OUT.iter().any(|left_out| name == *left_out) {
            continue;
        }
        let path = entry.path();
        let name = format!("{prefix}{}", name.to_string_lossy());
        let kind = fs::metadata(&path)?;
        if kind.is_dir() {
            list(&path, &format!("{name}/"), depth + 1, found)?;
        } else if kind.is_file() {
            found.push((name, path));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_paths_and_contents_and_copies_have_the_same() {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str, files: &[(&str, &str)]| {
            let folder = root.path().join(name);
            for (path, text) in files {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            folder
        };
        let one = folder("one", &[("a/b", "1"), ("c", "2"), (".git/HEAD", "x")]);
        let same = folder("same", &[("c", "2"), ("a/b", "1")]);
        let other = folder("other", &[("a/b", "1"), ("c", "3")]);
        let moved = folder("moved", &[("a", "1"), ("c", "2")]);
        assert_eq!(digest(&one).unwrap(), digest(&same).unwrap());
        assert_ne!(digest(&one).unwrap(), digest(&other).unwrap());
        assert_ne!(digest(&one).unwrap(), digest(&moved).unwrap());
        std::os::unix::fs::symlink(same.join("c"), moved.join("linked")).unwrap();
        let copied = root.path().join("copied");
        copy(&moved, &copied).unwrap();
        assert_eq!(digest(&moved).unwrap(), digest(&copied).unwrap());
        assert!(!copied.join("linked").is_symlink());
    }
}
