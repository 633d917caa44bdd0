//! Room on the disks that the tower needs: the one of its sockets, and the one of its log if that is a file.

use radio_config::Config;
use rustix::fs::{FileType, StatVfs};
use std::path::{Path, PathBuf};

/// The place with the least room, and how much that is in MiB; 0 also if no further file can be made there.
pub(super) fn least_free(config: &Config) -> Option<(PathBuf, u64)> {
    let socket = radio_config::station_socket_path(config).ok();
    let folder = socket.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let of_sockets = folder.and_then(|folder| Some((folder.clone(), rustix::fs::statvfs(&folder).ok()?)));
    let of_log = log_disk().map(|disk| (PathBuf::from("the log"), disk));
    of_sockets.into_iter().chain(of_log).map(|(place, disk)| (place, free_mib(&disk))).min_by_key(|(_, free)| *free)
}

/// The disk that standard error is a file on.
fn log_disk() -> Option<StatVfs> {
    let stderr = rustix::stdio::stderr();
    let is_file = FileType::from_raw_mode(rustix::fs::fstat(stderr).ok()?.st_mode) == FileType::RegularFile;
    is_file.then(|| rustix::fs::fstatvfs(stderr).ok()).flatten()
}

fn free_mib(disk: &StatVfs) -> u64 {
    // Some file systems count no files: then both figures are 0.
    let is_out_of_files = disk.f_files > 0 && disk.f_favail == 0;
    if is_out_of_files { 0 } else { disk.f_bavail.saturating_mul(disk.f_frsize) >> 20 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_for_files_is_full_and_one_that_counts_none_is_not() {
        let mut disk = rustix::fs::statvfs("/").expect("there is a root");
        (disk.f_bavail, disk.f_frsize, disk.f_files, disk.f_favail) = (512, 4096, 100, 5);
        assert_eq!(free_mib(&disk), 2);
        disk.f_favail = 0;
        assert_eq!(free_mib(&disk), 0);
        disk.f_files = 0;
        assert_eq!(free_mib(&disk), 2);
    }
}
