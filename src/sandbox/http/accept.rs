//! In which form a client wants its answer.

use crate::sandbox::refusal::Refusal;

/// How objects are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// As they are.
    Whole,
    /// Only their metadata.
    Metadata,
    /// Rows for people.
    Table,
    /// Discovery, all at once.
    Aggregated,
}

const KNOWN: [&str; 2] = ["application/json", "application/json;stream=watch"];

/// Reads `Accept`: the first form that can be given.
pub(super) fn form(accept: Option<&str>) -> Result<Form, Refusal> {
    let accept = accept.filter(|text| !text.trim().is_empty());
    let Some(accept) = accept else {
        return Ok(Form::Whole);
    };
    accept
        .split(',')
        .find_map(one)
        .ok_or_else(|| Refusal::not_acceptable(&KNOWN))
}

fn one(clause: &str) -> Option<Form> {
    let mut parts = clause.split(';').map(str::trim);
    let media = parts.next()?;
    if !["application/json", "application/*", "*/*"].contains(&media) {
        return None;
    }
    let parameters: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
    let parameter = |name: &str| {
        let found = parameters.iter().find(|(of, _)| *of == name);
        found.map(|(_, value)| value.trim_matches('"'))
    };
    match (parameter("as"), parameter("g"), parameter("v")) {
        (None, _, _) => Some(Form::Whole),
        (Some("Table"), Some("meta.k8s.io"), Some("v1")) => Some(Form::Table),
        (
            Some("PartialObjectMetadata" | "PartialObjectMetadataList"),
            Some("meta.k8s.io"),
            Some("v1"),
        ) => Some(Form::Metadata),
        (Some("APIGroupDiscoveryList"), Some("apidiscovery.k8s.io"), Some("v2")) => {
            Some(Form::Aggregated)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_form_that_can_be_given_is() {
        let cases = [
            ("application/json, */*", Form::Whole),
            (
                "application/vnd.kubernetes.protobuf,application/json",
                Form::Whole,
            ),
            (
                "application/json;as=Table;v=v1;g=meta.k8s.io,application/json",
                Form::Table,
            ),
            (
                "application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json",
                Form::Whole,
            ),
            (
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
                Form::Metadata,
            ),
            (
                "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,\
                 application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList",
                Form::Aggregated,
            ),
        ];
        for (accept, expected) in cases {
            assert_eq!(form(Some(accept)), Ok(expected), "{accept}");
        }
        assert_eq!(form(None), Ok(Form::Whole));
        let only = form(Some("application/vnd.kubernetes.protobuf"));
        assert_eq!(only.unwrap_err().code, 406);
    }
}
