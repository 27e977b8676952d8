//! How a verb names objects: `kind`, `api_version`, `object`, `namespace`, `selector`, `where`,
//! `all`; in short `"KIND/NAME"`.

use crate::stack::{
    findings::{Finding, Findings},
    grammar::Shape,
    layers::{
        node::{Node, Value},
        origin::{Located, Origin, Text},
    },
    model::{Objects, Which, Within},
    raw::{
        one_or_more,
        reader::{self, Reader, wrong},
    },
    template::Template,
    validate::steps::{Reading, path, selector},
    values::{TemplatedValue, ValuePath},
};

const HOW: &str = "say `object = \"NAME\"`, `selector = \"LABEL=VALUE\"`, \
                   `where = { FIELD = VALUE }` or `all = true`";

const HOW_BY_NAME: &str = "say `object = \"NAME\"`";

/// What a verb accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accept {
    /// Any way to name objects.
    Any,
    /// Any way to name pods: the kind is not said.
    Pods,
    /// Names only.
    Names,
    /// One name.
    OneName,
}

/// The table that names objects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Naming {
    pub(crate) shape: &'static Shape,
    /// The whole table.
    pub(crate) origin: Origin,
    pub(crate) accept: Accept,
}

impl Reading<'_> {
    /// Objects of one kind, from the keys of a verb's table.
    pub(crate) fn objects(
        &self,
        table: &mut Reader<'_>,
        naming: Naming,
        f: &mut Findings,
    ) -> Option<Objects> {
        let (kind, api_version) = if naming.accept == Accept::Pods {
            (Some("Pod".to_owned()), Some("v1".to_owned()))
        } else {
            let present = table.has("kind");
            let said = table.text("kind", f);
            let said = reader::required(said, naming.shape.what, "kind", present, naming.origin, f);
            let kind = said.and_then(|said| self.kind(said, f));
            let api_version = table.text("api_version", f);
            let api_version = api_version.and_then(|said| self.api_version(said, f));
            (kind, api_version)
        };
        let within = self.within(table, f);
        let which = self.which(table, naming, f);
        if let (Within::Everywhere, Some(Which::Named(_))) = (&within, &which) {
            let origin = table.origin_or("namespace", naming.origin);
            f.add(
                Finding::error("an object is named within one namespace")
                    .at(origin, "`*` goes with `selector`, `where` and `all`"),
            );
        }
        Some(Objects {
            kind: kind?,
            api_version,
            within,
            which: which?,
        })
    }

    fn kind(&self, said: Text<'_>, f: &mut Findings) -> Option<String> {
        let text = self.known.now(said, f)?;
        let sound = text.value.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.value.chars().all(|c| c.is_ascii_alphanumeric());
        if !sound {
            let message = format!("`{}` is not a kind", text.value.escape_debug());
            f.add(
                Finding::error(message)
                    .at(text.origin, "expected one such as `Deployment`")
                    .help("its group and version go into `api_version`"),
            );
            return None;
        }
        Some(text.value.into_owned())
    }

    fn api_version(&self, said: Text<'_>, f: &mut Findings) -> Option<String> {
        let text = self.known.now(said, f)?;
        let (group, version) = text.value.split_once('/').unwrap_or(("v1", &text.value));
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
        let sound = |text: &str| !text.is_empty() && text.chars().all(allowed);
        if !(sound(group) && sound(version) && version.starts_with('v')) {
            let message = format!("`{}` is not an API version", text.value.escape_debug());
            f.add(Finding::error(message).at(text.origin, "expected `v1` or `GROUP/VERSION`"));
            return None;
        }
        Some(text.value.into_owned())
    }

    fn within(&self, table: &mut Reader<'_>, f: &mut Findings) -> Within {
        match table.text("namespace", f) {
            None => Within::Release,
            Some(said) if said.value == "*" => Within::Everywhere,
            Some(said) if said.value.is_empty() => {
                f.add(Finding::error("`namespace` is empty").at(said.origin, ""));
                Within::Release
            }
            Some(said) => Within::Namespace(self.template(said, f)),
        }
    }

    fn which(&self, table: &mut Reader<'_>, naming: Naming, f: &mut Findings) -> Option<Which> {
        let Naming {
            shape: Shape { what, .. },
            origin: whole,
            accept,
        } = naming;
        let said: Vec<&'static str> = ["object", "selector", "where", "all"]
            .into_iter()
            .filter(|key| table.has(key))
            .collect();
        let names = table.node("object").map(|node| self.names(node, accept, f));
        if matches!(accept, Accept::Names | Accept::OneName) {
            let others = ["selector", "where", "all"].into_iter();
            let wrong: Vec<_> = others
                .filter_map(|key| Some((key, table.misplaced(key)?)))
                .collect();
            if let Some(&(wrong, origin)) = wrong.first() {
                let message = format!("{what} names its objects: `{wrong}` cannot be used here");
                f.add(Finding::error(message).at(origin, "").help(HOW_BY_NAME));
                return None;
            }
            if names.is_none() {
                let message = format!("{what} names no objects");
                f.add(Finding::error(message).at(whole, "").help(HOW_BY_NAME));
            }
            return names.flatten().map(Which::Named);
        }
        let selector = table.text("selector", f);
        let selector = selector.map(|said| self.selector(said, f));
        let fields = table.node("where").map(|node| self.fields(node, f));
        let all = table.flag("all", f);
        if all == Some(false) {
            let origin = table.origin_or("all", whole);
            f.add(Finding::error("`all` can only be `true`").at(origin, HOW));
        }
        match said.as_slice() {
            [] => {
                let message = format!("{what} names no objects");
                f.add(Finding::error(message).at(whole, "").help(HOW));
                None
            }
            ["object"] => names.flatten().map(Which::Named),
            [_] | ["selector", "where"] => Some(Which::Matching {
                selector: selector.flatten(),
                fields: fields.unwrap_or_default(),
            }),
            [first, second, ..] => {
                let message = format!("`{first}` and `{second}` cannot go together");
                f.add(Finding::error(message).at(table.origin_or(second, whole), ""));
                None
            }
        }
    }

    fn names(&self, node: &Node, accept: Accept, f: &mut Findings) -> Option<Vec<Template>> {
        let said = match accept {
            Accept::OneName => vec![reader::text(node, "object", f)?],
            _ => one_or_more(node, "object", f)?,
        };
        if said.is_empty() {
            f.add(Finding::error("`object` is empty").at(node.origin, "it names nothing"));
            return None;
        }
        said.into_iter().map(|name| self.name(name, f)).collect()
    }

    fn name(&self, said: Text<'_>, f: &mut Findings) -> Option<Template> {
        let template = self.known.template(said, f)?;
        let bad = |c: char| c == '/' || c == '%' || c.is_whitespace() || c.is_control();
        if let Some(name) = template.as_literal()
            && (name.is_empty() || name.contains(bad))
        {
            let message = format!("`{}` is not the name of an object", name.escape_debug());
            f.add(Finding::error(message).at(said.origin, ""));
            return None;
        }
        Some(template)
    }

    fn selector(&self, said: Text<'_>, f: &mut Findings) -> Option<Template> {
        let template = self.known.template(said, f)?;
        if let Some(text) = template.as_literal() {
            if text.trim().is_empty() {
                f.add(
                    Finding::error("`selector` is empty")
                        .at(said.origin, "it would match everything")
                        .help("`all = true` says so"),
                );
                return None;
            }
            if let Err(reason) = selector::check(text) {
                let message = format!("`{text}` is not a label selector");
                f.add(Finding::error(message).at(said.origin, reason).help(
                    "for example `app=web`, `tier!=base`, `env in (a, b)`, `!legacy`, joined by `,`",
                ));
                return None;
            }
        }
        Some(template)
    }

    fn fields(&self, node: &Node, f: &mut Findings) -> Vec<(ValuePath, TemplatedValue)> {
        let Some(table) = reader::table(node, "where", f) else {
            return Vec::new();
        };
        if table.len() == 0 {
            f.add(Finding::error("`where` is empty").at(node.origin, "it would match everything"));
        }
        let mut fields = Vec::with_capacity(table.len());
        for (value, origin, node) in table.iter() {
            let value = (path(Located { value, origin }, f), self.tree(node, f));
            if let (Some(path), value) = value {
                fields.push((path, value));
            }
        }
        fields
    }

    /// Objects that a verb names alone: a text `KIND/NAME`, an array of such texts, or a table
    /// whose other keys `more` reads.
    pub(crate) fn targets<'a, T: Default>(
        &self,
        node: &'a Node,
        word: &'static str,
        naming: Naming,
        f: &mut Findings,
        more: impl FnOnce(&mut Reader<'a>, &mut Findings) -> T,
    ) -> Option<(Vec<Objects>, T)> {
        match &node.value {
            Value::Text(_) | Value::List(_) => {
                let said = one_or_more(node, word, f)?;
                if said.is_empty() {
                    let message = format!("`{word}` is empty");
                    f.add(Finding::error(message).at(node.origin, "it names nothing"));
                    return None;
                }
                let short = said.into_iter().map(|one| self.short(one, f));
                Some((short.collect::<Option<_>>()?, T::default()))
            }
            Value::Table(table) => {
                let mut table = Reader::new(naming.shape, table);
                let objects = self.objects(&mut table, naming, f);
                let rest = more(&mut table, f);
                table.finish(f);
                Some((vec![objects?], rest))
            }
            _ => wrong(
                f,
                word,
                "`\"KIND/NAME\"`, an array of these, or a table",
                node,
            ),
        }
    }

    /// `KIND/NAME`.
    fn short(&self, said: Text<'_>, f: &mut Findings) -> Option<Objects> {
        let Some((kind, name)) = said.value.split_once('/') else {
            let message = format!("`{}` names no object", said.value.escape_debug());
            f.add(Finding::error(message).at(said.origin, "expected `KIND/NAME`"));
            return None;
        };
        let origin = said.origin;
        let kind = self.kind(
            Located {
                value: kind,
                origin,
            },
            f,
        );
        let name = self.name(
            Located {
                value: name,
                origin,
            },
            f,
        );
        Some(Objects {
            kind: kind?,
            api_version: None,
            within: Within::Release,
            which: Which::Named(vec![name?]),
        })
    }
}
