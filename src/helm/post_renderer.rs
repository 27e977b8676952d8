//! A program that Helm pipes rendered manifests through.
//!
//! Helm 3 starts a program, Helm 4 only a plugin of its kind: one is made for each chart, in the
//! run's private folder. Both run the same small script, which goes to the folder that the command
//! was said in.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::Surroundings;

/// A post-renderer, ready for either Helm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostRenderer {
    /// The folder that holds its plugin, and no other (`HELM_PLUGINS`).
    pub plugins: PathBuf,
    /// Name of the plugin.
    pub name: String,
    /// The script, for `sh`.
    pub script: PathBuf,
}

impl PostRenderer {
    /// Makes one that runs `words` in `dir`. `name` tells it from others of the run.
    ///
    /// # Errors
    /// Its files cannot be written.
    pub fn make(
        surroundings: &Surroundings,
        name: &str,
        words: &[String],
        dir: &Path,
    ) -> io::Result<Self> {
        let plugins = surroundings.cache.join("post-renderers").join(name);
        let folder = plugins.join(name);
        fs::create_dir_all(&folder)?;
        let script = folder.join("post-render.sh");
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        // The folder of a file in the current folder is nothing.
        let dir = std::path::absolute(Path::new(".").join(dir))?;
        let line = format!(
            "cd {} && exec {}\n",
            quoted(&dir.to_string_lossy()),
            words.join(" ")
        );
        fs::write(&script, line)?;
        let plugin = serde_json::json!({
            "apiVersion": "v1",
            "type": "postrenderer/v1",
            "name": name,
            "version": "0.1.0",
            "runtime": "subprocess",
            "runtimeConfig": {
                "platformCommand": [{ "command": "sh", "args": [script.to_string_lossy()] }],
            },
        });
        // JSON is YAML.
        fs::write(folder.join("plugin.yaml"), plugin.to_string())?;
        Ok(Self {
            plugins,
            name: name.to_owned(),
            script,
        })
    }
}

/// A word as the shell takes it, whatever is in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn its_script_runs_the_words_as_they_stand_in_their_folder() {
        let folder = tempfile::TempDir::new().unwrap();
        let surroundings = Surroundings {
            env: [].into(),
            kubeconfig: folder.path().join("kubeconfig"),
            cache: folder.path().join("cache"),
        };
        let words = ["sh", "-c", "pwd; echo \"$0\"", "it's $HOME"].map(str::to_owned);
        let made = PostRenderer::make(&surroundings, "web", &words, folder.path()).unwrap();
        let output = Command::new("sh").arg(&made.script).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let dir = folder.path().canonicalize().unwrap();
        assert_eq!(said, format!("{}\nit's $HOME\n", dir.display()));
    }
}
