//! Data flows one way, as docs/architecture.md says: each module uses only those that stand before it there.

use crate::page;

/// Each module of the library, and the others that it may use.
const LAYERS: [(&str, &[&str]); 8] = [
    ("flag", &[]),
    ("limits", &[]),
    ("metrics", &["limits"]),
    ("protocol", &["limits", "metrics"]),
    ("dispatch", &["flag", "limits", "metrics", "protocol"]),
    ("server", &["flag", "limits", "metrics", "protocol", "dispatch"]),
    ("client", &["limits", "metrics", "protocol"]),
    ("monitor", &["flag", "limits", "metrics", "protocol", "client", "server"]),
];

/// The modules that a source names by `crate::`.
fn used(source: &str) -> impl Iterator<Item = &str> {
    let ends = source.split("crate::").skip(1);
    ends.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default())
}

#[test]
fn each_module_uses_only_those_before_it() {
    let mut files = 0;
    let paths = page::below("src", "rs");
    for (layer, may_use) in LAYERS {
        let own = [format!("src/{layer}.rs"), format!("src/{layer}/")];
        for path in paths.iter().filter(|path| own.iter().any(|own| path.starts_with(own))) {
            files += 1;
            for module in used(&page::read(path)) {
                assert!(module == layer || may_use.contains(&module), "{path} uses {module}");
            }
        }
    }
    assert!(files > 50, "the modules have {files} files");
}
