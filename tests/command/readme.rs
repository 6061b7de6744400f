//! What README.md shows of the command.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::kit::{DEPUTY, check, shell};
use crate::page;
use crate::process::Server;

/// Takes the place of the real one: the thumbnail is a copy.
const CONVERT: &str = "#!/bin/sh\n[ \"$2 $3\" = '-resize 200' ] && cp \"$1\" \"$4\"\n";

#[test]
fn the_thumbnails_are_made() {
    let blocks = page::blocks(&page::read("README.md"));
    let shown = blocks.into_iter().find(|block| block.kind == "sh shell").unwrap().lines;
    // Without what installs and starts the server, and what ends all.
    let session =
        shown.iter().filter(|line| !["cargo ", "deputy-server ", "kill "].iter().any(|word| line.starts_with(word)));
    let session: Vec<&str> = session.map(String::as_str).collect();
    assert_eq!(session.len(), 2, "{shown:?}");
    let server = Server::start(&[]);
    let folder = server.folder.path();
    fs::create_dir(folder.join("small")).unwrap();
    fs::write(folder.join("convert"), CONVERT).unwrap();
    fs::set_permissions(folder.join("convert"), fs::Permissions::from_mode(0o755)).unwrap();
    let names = ["a.jpg", "b c.jpg", "d.jpg"];
    for name in names {
        fs::write(folder.join(name), name).unwrap();
    }
    let programs = Path::new(DEPUTY).parent().unwrap().display();
    let script = format!(
        "PATH=$PWD:{programs}:$PATH; ({}) 2> errors | sort; cat errors",
        session.join("\n") + "\nkill $!; wait"
    );
    let ended = shell(&server, &script);
    let (results, errors) = ended.stdout.split_once("deputy: connected").unwrap();
    assert_eq!((results, errors.lines().count()), ("small/a.jpg\nsmall/b c.jpg\nsmall/d.jpg\n", 1), "{errors}");
    for name in names {
        assert_eq!(fs::read_to_string(folder.join("small").join(name)).unwrap(), name);
    }
    check(&ended, 0, &ended.stdout, "");
}
