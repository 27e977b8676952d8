//! From the output of a command to values.

use serde_json::Value;

use crate::stack::{
    model::Parse,
    values::yaml::{self, YamlError},
};

impl Parse {
    /// Reads an output.
    ///
    /// # Errors
    /// Why it is not what it should be. Of a secret output nothing is quoted.
    pub fn read(self, output: &str, secret: bool) -> Result<Value, String> {
        match self {
            Self::Text => Ok(output.trim().into()),
            // A syntax error names its place and what was expected there, never what stands there.
            Self::Json => serde_json::from_str(output).map_err(|error| error.to_string()),
            Self::Yaml => yaml::parse_value(output)
                .and_then(|tree| tree.to_json())
                .map_err(|error| in_words(&error, secret)),
        }
    }
}

/// The values document in the output of a command: a YAML table.
///
/// # Errors
/// As [`Parse::read`].
pub fn values_document(output: &str, secret: bool) -> Result<Value, String> {
    yaml::parse(output)
        .and_then(|tree| tree.to_json())
        .map_err(|error| in_words(&error, secret))
}

fn in_words(error: &YamlError, secret: bool) -> String {
    if secret {
        format!(
            "line {} is not clear YAML: quote what stands there",
            error.line
        )
    } else {
        error.to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_output_is_read_as_it_says() {
        for (parse, output, expected) in [
            (Parse::Text, "  vpc-1\n\n", Some(json!("vpc-1"))),
            (Parse::Text, "", Some(json!(""))),
            (Parse::Text, "{\"a\": 1}", Some(json!("{\"a\": 1}"))),
            (Parse::Json, "{\"a\": [1]}\n", Some(json!({"a": [1]}))),
            (Parse::Json, "\"vpc-1\"", Some(json!("vpc-1"))),
            (Parse::Json, "", None),
            (Parse::Json, "vpc-1", None),
            (Parse::Yaml, "a: [x, 2]\n", Some(json!({"a": ["x", 2]}))),
            (Parse::Yaml, "- a\n- b\n", Some(json!(["a", "b"]))),
            (Parse::Yaml, "vpc-1", Some(json!("vpc-1"))),
            (Parse::Yaml, "a: yes", None),
            (Parse::Yaml, "a: 1\n---\nb: 2", None),
        ] {
            assert_eq!(parse.read(output, false).ok(), expected, "{output}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_secret_is_said_without_it() {
        let output = "password: 012345\n";
        let open = values_document(output, false).unwrap_err();
        assert!(open.contains("`012345` is ambiguous"), "{open}");
        for error in [
            values_document(output, true).unwrap_err(),
            Parse::Yaml.read(output, true).unwrap_err(),
            Parse::Json.read("{\"a\": hunter2}", true).unwrap_err(),
        ] {
            assert!(error.contains("line 1"), "{error}");
            assert!(
                !error.contains("012345") && !error.contains("hunter2"),
                "{error}"
            );
        }
    }
}
