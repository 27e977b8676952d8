//! Reads `[repositories]`.

use super::reader::{Reader, wrong};
use crate::stack::{
    findings::Findings,
    grammar,
    layers::{
        node::{Node, Value},
        origin::Text,
    },
};

/// One entry of `[repositories]`: `name = "url"`, or a table.
#[derive(Debug)]
pub(crate) struct RawRepository<'a> {
    pub(crate) name: Text<'a>,
    pub(crate) url: Option<Text<'a>>,
    pub(crate) username: Option<Text<'a>>,
    pub(crate) password: Option<Text<'a>>,
    pub(crate) ca_file: Option<Text<'a>>,
    pub(crate) cert_file: Option<Text<'a>>,
    pub(crate) key_file: Option<Text<'a>>,
    pub(crate) pass_credentials: bool,
    pub(crate) plain_http: bool,
}

pub(crate) fn read<'a>(
    name: Text<'a>,
    node: &'a Node,
    f: &mut Findings,
) -> Option<RawRepository<'a>> {
    let mut raw = RawRepository {
        name,
        url: None,
        username: None,
        password: None,
        ca_file: None,
        cert_file: None,
        key_file: None,
        pass_credentials: false,
        plain_http: false,
    };
    if let Value::Text(value) = &node.value {
        let origin = node.origin;
        raw.url = Some(Text { value, origin });
        return Some(raw);
    }
    let Some(table) = node.as_table() else {
        return wrong(f, name.value, "an address or a table", node);
    };
    let mut reader = Reader::new(&grammar::REPOSITORY, table);
    let present = reader.has("url");
    let url = reader.text("url", f);
    raw.url = super::reader::required(url, "the repository", "url", present, node.origin, f);
    raw.username = reader.text("username", f);
    raw.password = reader.text("password", f);
    raw.ca_file = reader.text("ca_file", f);
    raw.cert_file = reader.text("cert_file", f);
    raw.key_file = reader.text("key_file", f);
    raw.pass_credentials = reader.flag("pass_credentials", f).unwrap_or_default();
    raw.plain_http = reader.flag("plain_http", f).unwrap_or_default();
    reader.finish(f);
    Some(raw)
}
