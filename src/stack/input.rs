//! Where an input's value comes from.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::stack::model::Input;

impl Input {
    /// The input's value: given on the command line, else in the environment, else its default.
    /// `None` if nothing gives it. A given text takes the type of the default: with
    /// `default = 3`, `--input replicas=5` is a number; in the stead of a command's output it is
    /// read as that would be. The command itself is not run here.
    ///
    /// # Errors
    /// A given text is not of the default's type, or cannot be read as the output.
    pub fn value(
        &self,
        given: Option<&str>,
        env: &BTreeMap<String, String>,
    ) -> Result<Option<Value>, String> {
        let from_env = || self.env.as_ref().and_then(|name| env.get(name));
        match given.or_else(|| from_env().map(String::as_str)) {
            Some(text) => self.typed(text).map(Some),
            None => Ok(self.default.clone()),
        }
    }

    fn typed(&self, text: &str) -> Result<Value, String> {
        if self.command.is_some() {
            return self.parse.read(text, self.secret);
        }
        let expected = match &self.default {
            None | Some(Value::String(_) | Value::Null) => return Ok(Value::from(text)),
            Some(Value::Bool(_)) => "a boolean",
            Some(Value::Number(_)) => "a number",
            Some(Value::Array(_)) => "a JSON array",
            Some(Value::Object(_)) => "a JSON object",
        };
        let same_type = |value: &Value| {
            self.default.as_ref().is_some_and(|default| {
                std::mem::discriminant(default) == std::mem::discriminant(value)
            })
        };
        let parsed: Option<Value> = serde_json::from_str(text).ok();
        parsed
            .filter(same_type)
            .ok_or_else(|| format!("expected {expected}, as its default is"))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::stack::model::{DataCommand, Parse};

    fn input(default: Option<Value>) -> Input {
        Input {
            default,
            env: Some("VAR".into()),
            command: None,
            parse: Parse::Text,
            secret: false,
            place: None,
        }
    }

    #[test]
    fn the_command_line_wins_over_the_environment_over_the_default() {
        let set = BTreeMap::from([("VAR".to_owned(), "env".to_owned())]);
        let unset = BTreeMap::new();
        let with = input(Some(json!("default")));
        assert_eq!(with.value(Some("given"), &set), Ok(Some(json!("given"))));
        assert_eq!(with.value(None, &set), Ok(Some(json!("env"))));
        assert_eq!(with.value(None, &unset), Ok(Some(json!("default"))));
        assert_eq!(input(None).value(None, &unset), Ok(None));
    }

    #[test]
    fn a_given_text_takes_the_type_of_the_default() {
        let env = BTreeMap::new();
        for (default, given, expected) in [
            (json!(3), "5", Some(json!(5))),
            (json!(true), "false", Some(json!(false))),
            (json!(["a"]), r#"["b"]"#, Some(json!(["b"]))),
            (json!("3"), "5", Some(json!("5"))),
            (json!(3), "many", None),
            (json!(true), "1", None),
        ] {
            let value = input(Some(default)).value(Some(given), &env);
            assert_eq!(value.ok().flatten(), expected, "{given}");
        }
    }

    #[test]
    fn a_given_text_is_read_as_the_output_it_replaces() {
        let env = BTreeMap::from([("VAR".to_owned(), "[1]".to_owned())]);
        let input = Input {
            command: Some(DataCommand {
                words: vec!["terraform".into()],
                dir: ".".into(),
                timeout: std::time::Duration::from_secs(1),
            }),
            parse: Parse::Json,
            ..input(None)
        };
        assert_eq!(input.value(None, &env), Ok(Some(json!([1]))));
        assert_eq!(
            input.value(Some("{\"a\": 2}"), &env),
            Ok(Some(json!({"a": 2})))
        );
        assert!(input.value(Some("eu"), &env).is_err());
        assert_eq!(input.value(None, &BTreeMap::new()), Ok(None));
    }
}
