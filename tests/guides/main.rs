//! The guides tell the truth: every command in them is run, every document in them is used.
//!
//! In a guide, a block ```` ```yaml file=NAME ```` is written to that file, a block ```` ```sh ```` is run by a shell in
//! the same folder (with `exit=N` it must end with that code), and a block ```` ```text ```` after it is its output,
//! where a line `...` stands for any lines. Rust blocks are doc tests of the library.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test stops where something it needs is missing"
)]

use std::{path::Path, process::Command};

struct Block {
    info: String,
    body: String,
    line: usize,
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for (line, content) in text.lines().enumerate() {
        match (&mut open, content.strip_prefix("```")) {
            (None, Some(info)) => {
                open = Some(Block { info: info.to_owned(), body: String::new(), line: line + 1 });
            }
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => block.body += &format!("{content}\n"),
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed");
    blocks
}

/// The value of `key=value` in a block's info.
fn attribute<'i>(info: &'i str, key: &str) -> Option<&'i str> {
    info.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
}

/// Whether `output` is `pattern`, where a line `...` stands for any lines.
fn matches(pattern: &[&str], output: &[&str]) -> bool {
    match pattern.split_first() {
        None => output.is_empty(),
        Some((&"...", rest)) => (0..=output.len()).any(|skip| matches(rest, &output[skip..])),
        Some((line, rest)) => {
            output.first().is_some_and(|o| o.trim_end() == line.trim_end()) && matches(rest, &output[1..])
        }
    }
}

fn follow(guide: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("guides").join(guide)).expect("the guide is there");
    let folder = tempfile::tempdir().expect("a folder");
    std::os::unix::fs::symlink(root.join("examples"), folder.path().join("examples"))
        .expect("a link to the examples");
    let program = Path::new(env!("CARGO_BIN_EXE_kailash")).parent().expect("its folder");
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap_or_default());
    let mut output = String::new();
    let mut commands = 0;
    for block in blocks(&text) {
        let place = format!("{guide}:{}", block.line);
        if let Some(file) = attribute(&block.info, "file") {
            let file = folder.path().join(file);
            std::fs::create_dir_all(file.parent().expect("it is in a folder")).expect("its folder");
            std::fs::write(file, &block.body).expect("a file of the guide");
        } else if block.info.starts_with("sh") {
            let run = Command::new("bash")
                .args(["-euo", "pipefail", "-c", &block.body])
                .current_dir(folder.path())
                .env("PATH", &path)
                .env("NO_COLOR", "1")
                .output()
                .expect("a shell runs");
            let wanted: i32 =
                attribute(&block.info, "exit").map_or(0, |code| code.parse().expect("a number"));
            output =
                String::from_utf8_lossy(&run.stdout).into_owned() + &String::from_utf8_lossy(&run.stderr);
            assert_eq!(run.status.code(), Some(wanted), "{place}: {}\n{output}", block.body);
            commands += 1;
        } else if block.info == "text" {
            let (pattern, given): (Vec<&str>, Vec<&str>) =
                (block.body.lines().collect(), output.lines().collect());
            assert!(matches(&pattern, &given), "{place} says\n{}\nbut it prints\n{output}", block.body);
        }
    }
    println!("{guide}: {commands} commands");
}

macro_rules! guides {
    ($($test:ident: $guide:literal;)*) => {
        $(
            #[test]
            fn $test() {
                follow($guide);
            }
        )*

        #[test]
        fn every_guide_is_followed() {
            let known = [$($guide),*];
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("guides");
            for entry in std::fs::read_dir(folder).expect("the guides are there") {
                let name = entry.expect("an entry").file_name().into_string().expect("a name");
                assert!(known.contains(&name.as_str()) || !name.ends_with(".md"), "{name} is not followed by a test");
            }
        }
    };
}

guides! {
    getting_started_works_as_written: "getting-started.md";
    writing_a_node_works_as_written: "writing-a-node.md";
    documents_work_as_written: "documents.md";
    durability_works_as_written: "durability.md";
    serving_works_as_written: "serving.md";
    operating_works_as_written: "operating.md";
    edge_coordination_works_as_written: "edge-coordination-guide.md";
    edge_state_works_as_written: "edge-state-management-guide.md";
    embedding_works_as_written: "embedding.md";
    runtimes_work_as_written: "runtimes.md";
    performance_works_as_written: "performance.md";
    the_catalog_works_as_written: "node-catalog.md";
}
