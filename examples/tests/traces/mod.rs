//! What programs leave behind that start servers and workers.

use std::fs;
use std::path::Path;

/// No process that works in the folder is left, and no file.
pub(crate) fn assert_nothing_left(folder: &Path) {
    // The lock of the folder itself is ours.
    let left: Vec<_> = fs::read_dir(folder).expect("it is there").flatten().collect();
    let left: Vec<_> = left.iter().filter(|entry| entry.file_name() != "alive").collect();
    assert!(left.is_empty(), "{left:?}");
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    for process in processes {
        let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        assert!(!command.contains(&*folder.to_string_lossy()), "{command}");
    }
}
