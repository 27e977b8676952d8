//! Checks packed charts before they are believed.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use tar::EntryType;

use super::files::UNPACKED;

/// Longest Chart.yaml that is read.
const CHART_YAML: u64 = 1024 * 1024;

/// First bytes of everything gzipped.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// What a packed chart says it is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Packed {
    /// `name` of Chart.yaml.
    pub(super) name: String,
    /// `version` of Chart.yaml.
    pub(super) version: String,
}

/// Reads an archive from end to end: sound gzip and tar, nothing that leads out of its top folder,
/// no links or devices, not more than Helm would unpack, and a Chart.yaml. The error says which of
/// these it is not.
pub(super) fn check(path: &Path) -> Result<Packed, String> {
    let file = File::open(path).map_err(|error| error.to_string())?;
    let mut file = BufReader::new(file);
    let start = file.fill_buf().map_err(|error| error.to_string())?;
    if !start.starts_with(&GZIP) {
        return Err("it is not gzipped".to_owned());
    }
    // One byte more than allowed, so that too much is told from just enough.
    let mut unpacked = MultiGzDecoder::new(file).take(UNPACKED + 1);
    let found = entries(&mut unpacked);
    let rest = io::copy(&mut unpacked, &mut io::sink());
    if unpacked.limit() == 0 {
        return Err(format!(
            "it unpacks to more than {} MiB",
            UNPACKED / (1024 * 1024)
        ));
    }
    let found = found?;
    rest.map_err(|error| broken(&error))?;
    found.ok_or_else(|| "it holds no Chart.yaml in a top folder".to_owned())
}

fn entries(unpacked: impl Read) -> Result<Option<Packed>, String> {
    let mut packed = None;
    let mut archive = tar::Archive::new(unpacked);
    for entry in archive.entries().map_err(|error| broken(&error))? {
        let mut entry = entry.map_err(|error| broken(&error))?;
        let name = String::from_utf8_lossy(&entry.path_bytes()).replace('\\', "/");
        match entry.header().entry_type() {
            // What `git archive` puts in front.
            EntryType::XGlobalHeader => continue,
            EntryType::Regular | EntryType::Continuous | EntryType::Directory => {}
            EntryType::Symlink | EntryType::Link => return Err(format!("`{name}` is a link")),
            _ => return Err(format!("`{name}` is neither a file nor a folder")),
        }
        check_path(&name)?;
        if is_chart_yaml(&name) {
            let mut text = String::new();
            let read = (&mut entry).take(CHART_YAML).read_to_string(&mut text);
            read.map_err(|error| broken(&error))?;
            let parsed = serde_saphyr::from_str(&text);
            packed = Some(parsed.map_err(|error| format!("its Chart.yaml is not valid: {error}"))?);
        }
    }
    Ok(packed)
}

fn check_path(name: &str) -> Result<(), String> {
    let drive = name.as_bytes().get(1) == Some(&b':');
    if name.starts_with('/') || drive {
        return Err(format!("`{name}` is an absolute path"));
    }
    if name.split('/').any(|part| part == "..") {
        return Err(format!("`{name}` leads out of the archive"));
    }
    Ok(())
}

fn is_chart_yaml(name: &str) -> bool {
    let mut parts = name
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".");
    parts.next().is_some() && parts.next() == Some("Chart.yaml") && parts.next().is_none()
}

fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "it is cut off".into(),
        _ => format!("it is not a sound gzipped tar archive: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// Paths are written as they are: the builder itself would refuse bad ones.
    fn tar(entries: &[(&str, EntryType, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            if *kind == EntryType::Symlink {
                header.set_link_name("/etc/passwd").unwrap();
            }
            header.set_cksum();
            builder.append(&header, *content).unwrap();
        }
        builder.into_inner().unwrap()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn checked(bytes: &[u8]) -> Result<Packed, String> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        check(file.path())
    }

    const META: (&str, EntryType, &[u8]) = (
        "web/Chart.yaml",
        EntryType::Regular,
        b"name: web\nversion: v1.2.0\n",
    );

    #[test]
    fn a_sound_chart_says_what_it_is() {
        let bytes = gzip(&tar(&[
            ("web/", EntryType::Directory, b""),
            META,
            (
                "web/charts/db/Chart.yaml",
                EntryType::Regular,
                b"name: db\nversion: 1.0.0\n",
            ),
        ]));
        let packed = Packed {
            name: "web".into(),
            version: "v1.2.0".into(),
        };
        assert_eq!(checked(&bytes), Ok(packed));
    }

    #[test]
    fn what_is_unsound_or_leads_out_is_refused() {
        use EntryType::{Link, Regular, Symlink};
        let whole = gzip(&tar(&[META, ("web/big", Regular, &vec![7; 100_000])]));
        let mut flipped = whole.clone();
        let end = flipped.len() - 5;
        flipped[end] ^= 1;
        let cases: [(Vec<u8>, &str); 14] = [
            (
                gzip(&tar(&[META, ("web/../../x", Regular, b"")])),
                "`web/../../x` leads out",
            ),
            (
                gzip(&tar(&[META, ("/etc/x", Regular, b"")])),
                "`/etc/x` is an absolute path",
            ),
            (
                gzip(&tar(&[META, ("C:\\x", Regular, b"")])),
                "is an absolute path",
            ),
            (
                gzip(&tar(&[META, ("web\\..\\..\\x", Regular, b"")])),
                "leads out",
            ),
            (
                gzip(&tar(&[META, ("web/l", Symlink, b"")])),
                "`web/l` is a link",
            ),
            (
                gzip(&tar(&[META, ("web/l", Link, b"")])),
                "`web/l` is a link",
            ),
            (
                gzip(&tar(&[META, ("web/p", EntryType::Fifo, b"")])),
                "neither a file nor a folder",
            ),
            (
                gzip(&tar(&[(
                    "Chart.yaml",
                    Regular,
                    b"name: a\nversion: 1.0.0\n",
                )])),
                "no Chart.yaml",
            ),
            (
                gzip(&tar(&[("web/Chart.yaml", Regular, b"name: [")])),
                "Chart.yaml is not valid",
            ),
            (whole[..whole.len() / 2].to_vec(), "cut off"),
            (whole[..whole.len() - 4].to_vec(), "cut off"),
            (flipped, "not a sound gzipped tar"),
            (b"<html>".to_vec(), "not gzipped"),
            (gzip(b"<html>"), "not a sound gzipped tar"),
        ];
        for (bytes, expected) in cases {
            let error = checked(&bytes).unwrap_err();
            assert!(error.contains(expected), "{expected}: {error}");
        }
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused_by_its_size() {
        let limit = usize::try_from(UNPACKED).unwrap();
        let content = vec![0; limit];
        let too_much = gzip(&tar(&[META, ("web/zeros", EntryType::Regular, &content)]));
        assert!(too_much.len() < 2 * 1024 * 1024);
        let error = checked(&too_much).unwrap_err();
        assert_eq!(error, "it unpacks to more than 100 MiB");
        let just = gzip(&tar(&[
            META,
            ("web/zeros", EntryType::Regular, &content[..limit - 8192]),
        ]));
        assert_eq!(checked(&just).unwrap().name, "web");
    }
}
