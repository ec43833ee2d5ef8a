//! Which folder may name what. Change a rule here, in review, rather than around it.

#![expect(clippy::expect_used, reason = "a test that cannot go on says so")]

use std::{fs, path::Path};

/// A rule holds for every file at or under a path, except the files listed with it.
struct Rule {
    paths: &'static [&'static str],
    except: &'static [&'static str],
    forbidden: &'static [&'static str],
}

const RULES: &[Rule] = &[
    // Decisions are pure: no runtime, no clock, no I/O, no feature, nothing else of ours.
    Rule {
        paths: &["src/engine.rs", "src/engine"],
        except: &[],
        forbidden: &[
            "leptos",
            "web_sys",
            "js_sys",
            "wasm_bindgen",
            "tokio",
            "axum",
            "sqlx",
            "str0m",
            "reqwest",
            "tracing::",
            "rand::",
            "async ",
            ".await",
            "cfg(feature",
            "Instant::now",
            "SystemTime::now",
            "std::fs",
            "std::net",
            "std::env",
            "std::thread",
            "crate::api",
            "crate::browser",
            "crate::server",
            "crate::ui",
            "vivavoce::",
        ],
    },
    Rule {
        paths: &["src/api.rs", "src/api"],
        except: &[],
        forbidden: &[
            "crate::browser",
            "crate::ui",
            "web_sys",
            "js_sys",
            "wasm_bindgen",
            "axum",
            "sqlx",
            "str0m",
            "tokio",
        ],
    },
    // In the browser a panic is the end of the page, and a forgotten closure is for ever.
    Rule {
        paths: &["src/browser.rs", "src/browser"],
        except: &[],
        forbidden: &[
            "crate::server",
            "crate::ui",
            "axum",
            "sqlx",
            "tokio",
            "str0m",
            ".forget()",
            ".into_js_value()",
            ".unwrap()",
            ".expect(",
            "unwrap_throw",
            // `from_slice` like everybody else: a second reader brings the decoding of every type a second time.
            "serde_json::from_str",
            "expect_throw",
            "panic!",
            "unreachable!",
            "Instant::now",
            "SystemTime::now",
        ],
    },
    // The server build holds no JS handle, and only the site knows the page.
    Rule {
        paths: &["src/server.rs", "src/server"],
        except: &[],
        forbidden: &["crate::browser", "web_sys", "js_sys", "wasm_bindgen", "SendWrapper", "axum::serve"],
    },
    Rule { paths: &["src/server.rs", "src/server"], except: &["src/server/site.rs"], forbidden: &["crate::ui"] },
    // Parts and pages take signals; `use_room` is the one door to a call.
    Rule {
        paths: &["src/ui.rs", "src/ui"],
        except: &["src/ui/use_room.rs", "src/ui/use_room"],
        forbidden: &[
            "crate::browser",
            "crate::server",
            "axum",
            "tokio",
            "sqlx",
            ".forget()",
            "Instant::now",
            "SystemTime::now",
        ],
    },
    Rule {
        paths: &["src/ui/use_room.rs", "src/ui/use_room"],
        except: &[],
        forbidden: &["crate::server", "axum", "tokio", "sqlx", ".forget()"],
    },
    // What is unfinished is said in an issue.
    Rule { paths: &["src"], except: &[], forbidden: &["TODO", "FIXME", "todo!(", "dbg!("] },
];

/// Feature switches inside code, beyond those that open or close a whole module.
const MAX_SWITCHES: usize = 10;

#[test]
fn folders_name_only_what_they_may() {
    let sources = sources();
    let mut broken = Vec::new();
    for rule in RULES {
        let held = |path: &str| under(path, rule.paths) && !under(path, rule.except);
        for (path, code) in sources.iter().filter(|(path, _)| held(path) && path != "src/tests/layering.rs") {
            for (number, line) in code {
                let words = rule.forbidden.iter().filter(|word| line.contains(**word));
                broken.extend(words.map(|word| format!("{path}:{number}: {word}")));
            }
        }
    }
    assert!(broken.is_empty(), "layering:\n{}", broken.join("\n"));
}

#[test]
fn builds_differ_by_modules_and_hardly_inside_them() {
    let mut switches = Vec::new();
    for (path, code) in sources().iter().filter(|(path, _)| path != "src/lib.rs" && !path.starts_with("src/tests/")) {
        for ((number, line), next) in
            code.iter().zip(code.iter().skip(1).map(|(_, line)| line.trim_start()).chain([""]))
        {
            let gates_a_module =
                next.starts_with("mod ") || next.starts_with("pub mod ") || next.starts_with("pub(crate) mod ");
            if line.contains("cfg(") && line.contains("feature") && !gates_a_module {
                switches.push(format!("{path}:{number}: {}", line.trim()));
            }
        }
    }
    assert!(switches.len() <= MAX_SWITCHES, "{} feature switches:\n{}", switches.len(), switches.join("\n"));
}

#[test]
fn modules_are_files_beside_their_folders() {
    let named_mod: Vec<_> =
        sources().into_iter().map(|(path, _)| path).filter(|path| path.ends_with("/mod.rs")).collect();
    assert!(named_mod.is_empty(), "{named_mod:?}");
}

#[test]
fn the_reader_skips_comments_and_tests_and_nothing_else() {
    let text = "use a; // TODO later\n/// TODO\n#[cfg(test)]\nmod tests {\n    fn f() {\n    }\n}\nuse b;\n#[cfg(test)]\nconst A: u8 = 1;\nuse c;\n";
    let code: Vec<_> = code_of(text).into_iter().map(|(number, line)| format!("{number} {}", line.trim())).collect();
    assert_eq!(code, ["1 use a;", "8 use b;", "11 use c;"]);
}

fn under(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// Path of each source file with its lines of code and their numbers.
type Source = (String, Vec<(usize, String)>);

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    each_rs(&root.join("src"), &mut |path, text| {
        let path = path.strip_prefix(root).expect("inside the crate").to_string_lossy().replace('\\', "/");
        sources.push((path, code_of(text)));
    });
    assert!(sources.len() > 20, "found {} sources only", sources.len());
    sources
}

/// Lines of code: no comments, and no item behind `#[cfg(test)]`. rustfmt puts the end of an item at its indentation.
fn code_of(text: &str) -> Vec<(usize, String)> {
    let mut code = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if line.trim_start().starts_with("#[cfg(test)]") || line.trim_start().starts_with("#[cfg(all(test") {
            let indent = line.len() - line.trim_start().len();
            let ends = |line: &str| {
                let at_indent = line.len() - line.trim_start().len() == indent;
                at_indent && line.trim_end().ends_with(['}', ';']) && !line.trim_start().starts_with('#')
            };
            lines.by_ref().find(|(_, line)| ends(line));
            continue;
        }
        let line =
            line.split_once("//").filter(|(before, _)| !before.ends_with(':')).map_or(line, |(before, _)| before);
        if !line.trim().is_empty() {
            code.push((number + 1, line.to_owned()));
        }
    }
    code
}

fn each_rs(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).expect("folder exists") {
        let path = entry.expect("readable entry").path();
        if path.is_dir() {
            each_rs(&path, visit);
        } else if path.extension().is_some_and(|it| it == "rs") {
            visit(&path, &fs::read_to_string(&path).expect("utf-8 source"));
        }
    }
}
