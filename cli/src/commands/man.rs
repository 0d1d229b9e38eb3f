//! `cafewire man`: the manual, generated from `--help` and from the list of settings, so that it
//! cannot drift from either.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, Args, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};

use crate::failure::Failure;
use crate::output;
use crate::settings::Settings;

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write every page into this folder, which is created if need be; without it, print the first.
    #[arg(value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

/// When the words of this version were written last. Without one, what stands behind it in a page's
/// title takes its place.
const DATE: &str = "2026-11-27";
const SOURCE: &str = concat!("cafewire ", env!("CARGO_PKG_VERSION"));
const MANUAL: &str = "cafewire manual";

/// A page and the name of its file.
struct Page {
    file: String,
    text: Vec<u8>,
}

/// `program` is the definition of all commands.
pub(crate) fn run(args: &ManArgs, program: Command) -> Result<ExitCode, Failure> {
    let pages = pages(program)
        .map_err(|error| Failure::Message(format!("cannot make the manual: {error}")))?;
    match &args.folder {
        Some(folder) => write(&pages, folder).map_err(|error| {
            Failure::Message(format!("cannot write the manual into {}: {error}", folder.display()))
        })?,
        None => output::text(
            &pages.first().map(|page| String::from_utf8_lossy(&page.text)).unwrap_or_default(),
        )?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write(pages: &[Page], folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    pages.iter().try_for_each(|page| fs::write(folder.join(&page.file), &page.text))
}

/// The main page first.
fn pages(program: Command) -> io::Result<Vec<Page>> {
    let mut command = program.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_pages_of(&command, &mut pages)?;
    pages.push(Page { file: "cafewire.toml.5".to_owned(), text: config_page()? });
    Ok(pages)
}

fn add_pages_of(command: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    let man = Man::new(command.clone()).date(DATE).source(SOURCE).manual(MANUAL);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    if command.get_arguments().any(|argument| !argument.is_hide_set()) {
        man.render_options_section(&mut text)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    if let Some(help) = command.get_after_help() {
        sections(&help.to_string()).to_writer(&mut text)?;
    }
    pages.push(Page { file: man.get_filename(), text });
    command.get_subcommands().try_for_each(|command| add_pages_of(command, pages))
}

/// Converts the text below the options of `--help` to sections. A line that ends with a colon at
/// the start of a paragraph and is one of ours is a heading; indented lines are kept as they are.
fn sections(help: &str) -> Roff {
    let mut roff = Roff::new();
    let mut heading = "NOTES";
    let mut headed = "";
    for paragraph in help.split("\n\n") {
        let mut lines: Vec<&str> = paragraph.lines().collect();
        match lines.first() {
            Some(&"Examples:") => heading = "EXAMPLES",
            Some(&"Exit status:") => heading = "EXIT STATUS",
            _ => {}
        }
        if heading != headed {
            roff.control("SH", [heading]);
            headed = heading;
            if heading != "NOTES" {
                lines.remove(0);
            }
        } else {
            roff.control("PP", []);
        }
        body(&mut roff, &lines);
    }
    roff
}

fn body(roff: &mut Roff, lines: &[&str]) {
    for run in lines.chunk_by(|one, next| one.starts_with("  ") == next.starts_with("  ")) {
        let is_verbatim = run[0].starts_with("  ");
        if is_verbatim {
            roff.control("nf", []);
        }
        for line in run {
            roff.text([roman(*line)]);
        }
        if is_verbatim {
            roff.control("fi", []);
        }
    }
}

/// The page on the config file.
fn config_page() -> io::Result<Vec<u8>> {
    let mut roff = Roff::new();
    roff.control("TH", ["cafewire.toml", "5", DATE, SOURCE, MANUAL]);
    roff.control("SH", ["NAME"]);
    roff.text([roman("cafewire.toml - settings of the cafewire server")]);
    roff.control("SH", ["SYNOPSIS"]);
    roff.text([bold("cafewire serve --config"), roman(" "), italic("FILE")]);
    roff.control("SH", ["DESCRIPTION"]);
    roff.text([roman(
        "A TOML file, a setting per line, in any order. Each is also an option of `cafewire \
         serve`, with - for _, and an environment variable: an option wins over a variable, and \
         that over the file. A key that is no setting is refused. `cafewire serve --print-config` \
         prints the effective value of each setting, as such a file; `--check-config` says what \
         is wrong with one, and which limits would be raised or lowered.",
    )]);
    roff.control("PP", []);
    roff.text([roman(
        "SIZE is a text such as \"64KiB\", or a number of bytes; TIME is a text such as \
         \"300ms\", \"10s\" or \"5m\"; 0 is no bound, unless it says otherwise. What can be \
         given several times is a list: [\"tcp://0.0.0.0:8080\", \"unix:///run/cafewire.sock\"].",
    )]);
    roff.control("SH", ["SETTINGS"]);
    let settings = Settings::augment_args(Command::new("settings"));
    settings.get_arguments().for_each(|setting| setting_entry(&mut roff, setting));
    roff.control("SH", ["EXAMPLES"]);
    body(
        &mut roff,
        &[
            "  listen = [\"tcp://0.0.0.0:8080\"]",
            "  idle_timeout = \"2m\"",
            "  connections = 10000",
        ],
    );
    roff.control("SH", ["SEE ALSO"]);
    roff.text([bold("cafewire-serve"), roman("(1)")]);
    let mut text = Vec::new();
    roff.to_writer(&mut text)?;
    Ok(text)
}

fn setting_entry(roff: &mut Roff, setting: &Arg) {
    let kind =
        setting.get_value_names().and_then(<[_]>::first).map_or("VALUE", |name| name.as_str());
    roff.control("TP", []);
    // An option that may be given several times is a list in the file, even with one value.
    let value = if setting.get_value_delimiter().is_some() {
        format!("[{kind}, …]")
    } else {
        kind.to_owned()
    };
    roff.text([bold(setting.get_id().as_str()), roman(" = "), italic(value)]);
    let help = setting.get_long_help().or_else(|| setting.get_help());
    for paragraph in help.map(ToString::to_string).unwrap_or_default().split("\n\n") {
        roff.text([roman(format!("{}.", paragraph.replace('\n', " ").trim_end_matches('.')))]);
    }
    if let Some(variable) = setting.get_env().and_then(|variable| variable.to_str()) {
        roff.text([roman("Variable: "), bold(variable), roman(".")]);
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::args::Arguments;

    fn text_of<'a>(pages: &'a [Page], file: &str) -> &'a str {
        let page =
            pages.iter().find(|page| page.file == file).unwrap_or_else(|| panic!("no {file}"));
        str::from_utf8(&page.text).unwrap()
    }

    #[test]
    fn every_command_has_a_page_with_examples() {
        let pages = pages(Arguments::command()).unwrap();
        assert_eq!(pages[0].file, "cafewire.1");
        for command in [
            "serve",
            "ping",
            "echo",
            "chat",
            "send",
            "listen",
            "bench",
            "bench-echo",
            "completions",
            "man",
        ] {
            let text = text_of(&pages, &format!("cafewire-{command}.1"));
            assert!(text.contains(".SH EXAMPLES\n"), "{command}: {text}");
        }
        assert!(
            text_of(&pages, "cafewire.1").contains(".SH \"EXIT STATUS\"\n"),
            "{}",
            text_of(&pages, "cafewire.1")
        );
    }

    #[test]
    fn every_setting_is_on_the_page_of_the_config_file() {
        let pages = pages(Arguments::command()).unwrap();
        let text = text_of(&pages, "cafewire.toml.5");
        for key in Settings::KEYS {
            assert!(text.contains(&format!("\\fB{key}\\fR = \\fI")), "{key}: {text}");
            assert!(
                text.contains(&format!("\\fBCAFEWIRE_{}\\fR", key.to_uppercase())),
                "{key}: {text}"
            );
        }
        assert!(text.contains("\\fBlisten\\fR = \\fI[ADDR, …]\\fR"), "{text}");
        assert!(text.contains("[default: 5m].\nWhat passes is a whole frame"), "{text}");
    }

    #[test]
    fn help_becomes_sections() {
        let help = "Some text.\n\nExit status:\n  0  fine\n  1  not\n\n\
                    Examples:\n  cafewire\n\nMore:\n  .x";
        let roff = sections(help).to_roff();
        let expected = ".SH NOTES\nSome text.\n.SH \"EXIT STATUS\"\n.nf\n  0  fine\n  1  not\n.fi\n\
                        .SH EXAMPLES\n.nf\n  cafewire\n.fi\n.PP\nMore:\n.nf\n  .x\n.fi\n";
        assert!(roff.ends_with(expected), "{roff}");
    }
}
