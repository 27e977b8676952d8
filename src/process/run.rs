//! One child from its start to its end.

use std::{
    io,
    os::unix::process::CommandExt,
    process::{ExitStatus, Stdio},
    sync::Arc,
    time::Duration,
};

use nix::sys::signal::Signal;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::{ChildStderr, ChildStdin, ChildStdout},
    task::JoinHandle,
    time::timeout,
};

use super::{
    Command, KEPT_OUTPUT, Output, ProcessError,
    ending::Ending,
    group::Group,
    guard, mark,
    output::{Lines, Tail},
    path::resolve,
    spawn,
};
use crate::{
    event::Stream,
    secret::Secret,
    shutdown::{Level, Shutdown},
};

/// How long after the child's end its pipes may stay open. What it wrote is in them by then; only
/// a process that left the group can hold one.
const LATE_OUTPUT: Duration = Duration::from_secs(2);

/// Bytes read at once from a pipe.
const CHUNK: usize = 16 * 1024;

/// Starts a child in its own process group, feeds and drains it, and waits for its end. `on_line`
/// gets each line as it comes (lossy UTF-8, without its end).
///
/// What the child started and left behind in its group is killed when it ends. The child and its
/// group are killed when the future is dropped.
pub async fn run(
    command: Command,
    shutdown: &Shutdown,
    on_line: &mut (dyn FnMut(Stream, &str) + Send),
) -> Result<Output, ProcessError> {
    let program = command.program.to_string_lossy().into_owned();
    if shutdown.level() >= Level::Terminate {
        return Err(ProcessError::Interrupted { program });
    }
    let mut started = match start(&command).await {
        Ok(started) => started,
        Err(source) => return Err(ProcessError::Start { program, source }),
    };
    let followed = async {
        let pipes = Pipes::of(&mut started.child)?;
        let group = Arc::clone(&started.group);
        let end = tokio::task::spawn_blocking(move || started.wait());
        follow(&command, shutdown, on_line, pipes, group, end).await
    };
    let output = match followed.await {
        Ok(output) => output,
        Err(source) => return Err(ProcessError::Follow { program, source }),
    };
    match guard::failure(output.status.code(), &output.stderr) {
        Some(source) => Err(ProcessError::Start { program, source }),
        None => Ok(output),
    }
}

async fn start(command: &Command) -> io::Result<spawn::Started> {
    let program = resolve(command)?;
    let mut child = guard::command(&program, command.orphaned);
    child
        .args(&command.args)
        .env_clear()
        .envs(&command.env)
        .envs(mark::own().map(|own| (mark::PARENT, own)))
        .stdin(match command.stdin {
            Some(_) => Stdio::piped(),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    if let Some(dir) = &command.dir {
        child.current_dir(dir);
    }
    spawn::start(child).await
}

/// Our ends of a child's pipes.
struct Pipes {
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Pipes {
    fn of(child: &mut std::process::Child) -> io::Result<Self> {
        Ok(Self {
            stdin: child.stdin.take().map(ChildStdin::from_std).transpose()?,
            stdout: child.stdout.take().map(ChildStdout::from_std).transpose()?,
            stderr: child.stderr.take().map(ChildStderr::from_std).transpose()?,
        })
    }
}

/// Kills the group when we stop following it, for whatever reason.
struct KillOnDrop(Arc<Group>);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.signal(Signal::SIGKILL);
    }
}

async fn follow(
    command: &Command,
    shutdown: &Shutdown,
    on_line: &mut (dyn FnMut(Stream, &str) + Send),
    pipes: Pipes,
    group: Arc<Group>,
    end: JoinHandle<io::Result<ExitStatus>>,
) -> io::Result<Output> {
    let group = KillOnDrop(group);
    let mut ending = Ending::new(command);
    let mut streams = Streams {
        stdout: Drain::new(pipes.stdout, command.keep.limit()),
        stderr: Drain::new(pipes.stderr, KEPT_OUTPUT),
    };
    let status = {
        let feed = feed(command.stdin.as_ref(), pipes.stdin);
        let drain = streams.drain(on_line);
        tokio::pin!(end, feed, drain);
        let (mut is_fed, mut is_drained) = (false, false);
        loop {
            tokio::select! {
                ended = &mut end => break ended.map_err(io::Error::other)??,
                () = &mut feed, if !is_fed => is_fed = true,
                () = &mut drain, if !is_drained => is_drained = true,
                signal = ending.next(shutdown) => group.0.signal(signal),
            }
        }
    };
    let _ = timeout(LATE_OUTPUT, streams.drain(on_line)).await;
    let (stdout, stdout_cut) = streams.stdout.finish(Stream::Stdout, on_line);
    let (stderr, _) = streams.stderr.finish(Stream::Stderr, on_line);
    Ok(Output {
        status,
        stdout,
        stdout_cut,
        stderr,
        end: ending.end(),
    })
}

/// A child need not read what it is given: one that closes its input early is not an error.
async fn feed(text: Option<&Secret>, stdin: Option<ChildStdin>) {
    if let (Some(text), Some(mut stdin)) = (text, stdin) {
        let _ = stdin.write_all(text.expose().as_bytes()).await;
    }
}

/// Both output streams of a child.
struct Streams {
    stdout: Drain<ChildStdout>,
    stderr: Drain<ChildStderr>,
}

impl Streams {
    /// Reads until both have ended. Nothing is lost when it is dropped before.
    async fn drain(&mut self, on_line: &mut (dyn FnMut(Stream, &str) + Send)) {
        let Self { stdout, stderr } = self;
        while stdout.open() || stderr.open() {
            tokio::select! {
                n = stdout.read(), if stdout.open() => stdout.take(n, Stream::Stdout, on_line),
                n = stderr.read(), if stderr.open() => stderr.take(n, Stream::Stderr, on_line),
            }
        }
    }
}

/// One output stream of a child.
struct Drain<R> {
    pipe: Option<R>,
    chunk: Vec<u8>,
    lines: Lines,
    tail: Tail,
}

impl<R: AsyncRead + Unpin> Drain<R> {
    fn new(pipe: Option<R>, limit: usize) -> Self {
        Self {
            pipe,
            chunk: vec![0; CHUNK],
            lines: Lines::default(),
            tail: Tail::new(limit),
        }
    }

    fn open(&self) -> bool {
        self.pipe.is_some()
    }

    /// How many bytes of `chunk` are new; 0 at the end of the stream, which a broken one is too.
    async fn read(&mut self) -> usize {
        match &mut self.pipe {
            Some(pipe) => pipe.read(&mut self.chunk).await.unwrap_or_default(),
            None => 0,
        }
    }

    fn take(&mut self, n: usize, stream: Stream, on_line: &mut (dyn FnMut(Stream, &str) + Send)) {
        if n == 0 {
            self.pipe = None;
        }
        let bytes = &self.chunk[..n];
        self.tail.push(bytes);
        self.lines
            .push(bytes, &mut |line| tell(stream, line, on_line));
    }

    fn finish(
        mut self,
        stream: Stream,
        on_line: &mut (dyn FnMut(Stream, &str) + Send),
    ) -> (Vec<u8>, bool) {
        self.lines.finish(&mut |line| tell(stream, line, on_line));
        self.tail.finish()
    }
}

/// Hands a line on, unless it is not the child's.
fn tell(stream: Stream, line: &str, on_line: &mut (dyn FnMut(Stream, &str) + Send)) {
    if !guard::says(line) {
        on_line(stream, line);
    }
}
