//! One file, and one block device, as a medium.

use crate::block::Loop;
use crate::folder::Folder;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use store::host::{Access, Device, Error, Hold, Writer};
use store::medium::{Medium, Trouble};

#[test]
fn a_new_file_is_its_owners_alone_and_grows() {
    let folder = Folder::new();
    let path = folder.join("seal");
    let device = Device::create(&path, 8192).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(matches!(Device::create(&path, 8192), Err(Error::Exists { .. })));
    let mut page = [1; 4096];
    device.read(4096, &mut page).unwrap();
    assert_eq!(page, [0; 4096]);
    assert_eq!(device.read(4097, &mut page), Err(Trouble::Short));
    assert_eq!(device.write(8192, b"x"), Err(Trouble::Short));
    assert_eq!(device.write(u64::MAX, b"x"), Err(Trouble::Short));
    device.grow(1 << 20).unwrap();
    device.write((1 << 20) - 1, b"x").unwrap();
    device.sync().unwrap();
    device.discard(0, 8192);
    device.foresee(0, 1 << 20);
    drop(device);
    let device = store::host::open(&path, Access::Read).unwrap();
    assert_eq!((device.size(), device.limit()), (1 << 20, 1 << 20));
    device.read((1 << 20) - 4096, &mut page).unwrap();
    assert_eq!(page.last(), Some(&b'x'));
    assert_eq!(device.write(0, b"x"), Err(Trouble::ReadOnly));
    assert_eq!(device.grow(2 << 20), Err(Trouble::ReadOnly));
}

#[test]
fn what_is_neither_file_nor_device_is_refused() {
    let folder = Folder::new();
    for path in ["/dev/null".into(), folder.join("")] {
        let refused = Device::open(&path, Access::Read);
        assert!(matches!(refused, Err(Error::WrongKind { .. })), "{}", path.display());
    }
    let Err(error) = Device::open(&folder.join("none"), Access::Read) else { panic!("opened") };
    assert!(error.to_string().contains("check the path"), "{error}");
}

#[test]
fn a_block_device_is_as_large_as_it_is_and_has_one_writer() {
    let folder = Folder::new();
    let image = folder.join("image");
    fs::write(&image, vec![0; 1 << 20]).unwrap();
    let block = Loop::over(image.to_str().unwrap());
    let path = std::path::Path::new(&block.0);
    let device = Device::open(path, Access::Write).unwrap();
    assert_eq!((device.size(), device.limit()), (1 << 20, 1 << 20));
    assert_eq!(device.grow((1 << 20) + 1), Err(Trouble::Full));
    device.write((1 << 20) - 4096, &[9; 4096]).unwrap();
    device.sync().unwrap();
    assert_eq!(fs::read(&image).unwrap()[(1 << 20) - 4096..], [9; 4096]);
    assert_eq!(device.write(1 << 20, b"x"), Err(Trouble::Short));
    device.discard(0, 4096);
    let again = Device::open(path, Access::Write);
    assert!(matches!(again, Err(Error::DeviceInUse { .. })));
    let mut page = [0; 4096];
    Device::open(path, Access::Read).unwrap().read((1 << 20) - 4096, &mut page).unwrap();
    assert_eq!(page, [9; 4096]);
    // As a seal: the lock lies elsewhere, as there is nothing beside it.
    let writer = Writer::take(path).unwrap();
    assert!(matches!(Writer::take(path), Err(Error::Held { holder: Some(_), .. })));
    let hold = Hold::take(path).unwrap();
    assert!(writer.holds().unwrap().any());
    drop(hold);
    assert!(!writer.holds().unwrap().any());
}
