//! Typed lines, kept for the next time: `cafewire/chat_history` in the XDG state folder, one per
//! line, readable by the user alone.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use super::bounds::{MAX_HISTORY_LINES, MAX_INPUT_BYTES};

/// Limit on the bytes read: the end of the file.
const MAX_READ_BYTES: u64 = (MAX_HISTORY_LINES * MAX_INPUT_BYTES) as u64;

/// Number of lines from which on the file is cut to the latest [`MAX_HISTORY_LINES`].
const MAX_FILE_LINES: usize = 2 * MAX_HISTORY_LINES;

pub(super) struct HistoryFile {
    /// `None` after a failure, so that it is reported once.
    path: Option<PathBuf>,
    lines: usize,
}

impl HistoryFile {
    /// The file, and its lines, oldest first. A file that cannot be read counts as empty: the next
    /// write reports what is wrong with it.
    pub(super) fn open() -> (Self, Vec<String>) {
        let path = etcetera::choose_base_strategy().ok().and_then(|folders| folders.state_dir());
        Self::open_at(path.map(|folder| folder.join("cafewire").join("chat_history")))
    }

    fn open_at(path: Option<PathBuf>) -> (Self, Vec<String>) {
        let lines = path.as_deref().and_then(|path| read(path).ok()).unwrap_or_default();
        let mut file = Self { path, lines: lines.len() };
        let excess = lines.len().saturating_sub(MAX_HISTORY_LINES);
        let lines = lines[excess..].to_vec();
        if file.lines >= MAX_FILE_LINES
            && let Some(path) = &file.path
            && rewrite(path, &lines).is_ok()
        {
            file.lines = lines.len();
        }
        (file, lines)
    }

    /// Appends a line, which must be a single one. `Err` has the reason, the first time.
    pub(super) fn append(&mut self, line: &str) -> Result<(), String> {
        let Some(path) = &self.path else { return Ok(()) };
        if self.lines >= MAX_FILE_LINES {
            // Only after thousands of lines typed in one session: the next start shortens the file.
            return Ok(());
        }
        let appended = append(path, line).map_err(|error| format!("{}: {error}", path.display()));
        match appended {
            Ok(()) => self.lines += 1,
            Err(_) => self.path = None,
        }
        appended
    }
}

fn read(path: &Path) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let size = file.metadata()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(MAX_READ_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(MAX_READ_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // Reading from the middle of the file starts within a line.
    let partial = usize::from(size > MAX_READ_BYTES);
    Ok(text
        .lines()
        .skip(partial)
        .filter(|line| line.len() <= MAX_INPUT_BYTES)
        .map(str::to_owned)
        .collect())
}

fn append(path: &Path, line: &str) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    // The file may exist already, with a more open mode.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// Writes a new file and renames it over the old one, so that the file is whole at all times.
fn rewrite(path: &Path, lines: &[String]) -> io::Result<()> {
    let beside = path.with_extension(std::process::id().to_string());
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&beside)
        .and_then(|mut file| file.write_all((lines.join("\n") + "\n").as_bytes()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of this test's own, removed with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("cafewire-{}-{name}", std::process::id()));
            Self(path)
        }

        fn open(&self) -> (HistoryFile, Vec<String>) {
            HistoryFile::open_at(Some(self.file()))
        }

        fn file(&self) -> PathBuf {
            self.0.join("cafewire").join("chat_history")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn lines_are_kept_for_the_next_time_and_are_private() {
        let folder = Folder::new("kept");
        let (mut file, lines) = folder.open();
        assert_eq!(lines, Vec::<String>::new());
        for line in ["one", "two 日本"] {
            assert_eq!(file.append(line), Ok(()));
        }
        assert_eq!(folder.open().1, ["one", "two 日本"]);
        assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(
            fs::metadata(folder.0.join("cafewire")).unwrap().permissions().mode() & 0o777,
            0o700
        );
    }

    #[test]
    fn a_file_that_others_could_read_is_closed_to_them() {
        let folder = Folder::new("open");
        folder.open().0.append("one").unwrap();
        fs::set_permissions(folder.file(), fs::Permissions::from_mode(0o644)).unwrap();
        folder.open().0.append("two").unwrap();
        assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn the_file_is_bounded() {
        let folder = Folder::new("bounded");
        let (mut file, _) = folder.open();
        for number in 0..MAX_FILE_LINES + 10 {
            assert_eq!(file.append(&number.to_string()), Ok(()));
        }
        let text = fs::read_to_string(folder.file()).unwrap();
        assert_eq!(text.lines().count(), MAX_FILE_LINES);
        let (_, lines) = folder.open();
        assert_eq!(lines.len(), MAX_HISTORY_LINES);
        assert_eq!(
            lines.last().map(String::as_str),
            Some((MAX_FILE_LINES - 1).to_string().as_str())
        );
        let text = fs::read_to_string(folder.file()).unwrap();
        assert_eq!(text.lines().count(), MAX_HISTORY_LINES);
        assert_eq!(fs::metadata(folder.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_failure_is_reported_once() {
        let folder = Folder::new("failure");
        fs::create_dir_all(&folder.0).unwrap();
        fs::write(folder.0.join("cafewire"), "a file where a folder should be").unwrap();
        let (mut file, _) = folder.open();
        assert!(file.append("one").unwrap_err().contains("chat_history"));
        assert_eq!(file.append("two"), Ok(()));
    }
}
