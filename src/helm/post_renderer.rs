//! A program that Helm pipes rendered manifests through.
//!
//! Helm 3 starts a program, Helm 4 only a plugin of its kind: one is made for each chart, in the
//! run's private folder. Both run the same small script, which goes to the folder that the command
//! was said in, and keeps what the program writes to standard error: Helm 4 drops it.

use std::{
    fs,
    io::{self, Read as _, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use super::Surroundings;

/// More of the end of what a program wrote is not kept.
const LONGEST: u64 = 16 * 1024;

/// More lines of it are not told.
const MOST_LINES: usize = 20;

/// A post-renderer, ready for either Helm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostRenderer {
    /// The folder that holds its plugin, and no other (`HELM_PLUGINS`).
    pub plugins: PathBuf,
    /// Name of the plugin.
    pub name: String,
    /// The script, for `sh`.
    pub script: PathBuf,
    /// What the program wrote to standard error when it ran last.
    pub stderr: PathBuf,
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
        let stderr = folder.join("stderr");
        let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
        // The folder of a file in the current folder is nothing.
        let dir = std::path::absolute(Path::new(".").join(dir))?;
        let line = format!(
            "exec 2>{}\ncd {} && exec {}\n",
            quoted(&stderr.to_string_lossy()),
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
            stderr,
        })
    }

    /// The last lines of what the program wrote to standard error. Not redacted.
    pub(super) fn last_words(&self) -> Vec<String> {
        let end = || {
            let mut file = fs::File::open(&self.stderr)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LONGEST)))?;
            let mut bytes = Vec::new();
            file.take(LONGEST).read_to_end(&mut bytes)?;
            // Half of a secret would not be known as one.
            Ok::<_, io::Error>((bytes, usize::from(length > LONGEST)))
        };
        // None was written if Helm did not come to it.
        let (bytes, cut) = end().unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().skip(cut).map(str::trim_end);
        let mut lines: Vec<String> = lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect();
        lines.split_off(lines.len().saturating_sub(MOST_LINES))
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
    #[expect(clippy::disallowed_methods, reason = "Helm would start it, not we")]
    fn its_script_runs_the_words_as_they_stand_in_their_folder() {
        let folder = tempfile::TempDir::new().unwrap();
        let surroundings = Surroundings {
            env: [].into(),
            kubeconfig: folder.path().join("kubeconfig"),
            cache: folder.path().join("cache"),
        };
        let run = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(ToString::to_string).collect();
            let made = PostRenderer::make(&surroundings, "web", &words, folder.path()).unwrap();
            let output = Command::new("sh").arg(&made.script).output().unwrap();
            (String::from_utf8(output.stdout).unwrap(), made)
        };
        let (said, made) = run(&["sh", "-c", "pwd; echo \"$0\"", "it's $HOME"]);
        let dir = folder.path().canonicalize().unwrap();
        assert_eq!(said, format!("{}\nit's $HOME\n", dir.display()));
        assert_eq!(made.last_words(), [""; 0]);

        // What it complains of is kept, whatever Helm does with it.
        let (_, made) = run(&["sh", "-c", "echo first >&2; echo; echo last >&2; exit 3"]);
        assert_eq!(made.last_words(), ["first", "last"]);
        let (_, made) = run(&["sh", "-c", "seq 1 9999 >&2"]);
        let words = made.last_words();
        assert_eq!(
            (words.len(), words[MOST_LINES - 1].as_str()),
            (MOST_LINES, "9999")
        );
        let (_, made) = run(&["no-such-program"]);
        assert!(made.last_words()[0].contains("no-such-program"));
    }
}
