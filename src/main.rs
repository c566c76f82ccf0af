//! Parses the arguments, runs one command, and returns its exit code.

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue};
use leukoscope::cli::args::{Arguments, CliCommand, ValidateCommand};
use leukoscope::cli::{
    adapt, analyze, audit, backup, calibrate, check_config, classify, clock, control, count, devices, export, keeping,
    model, output, report, run, sessions, support, users, validate, worklist,
};
use leukoscope::system::logging;
use leukoscope::system::printable::printable;

fn main() -> ExitCode {
    let arguments = Arguments::try_parse().unwrap_or_else(|mut refused| {
        // What was typed is quoted in the message, and must not upset the terminal.
        for kind in [ContextKind::InvalidValue, ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
            if let Some(ContextValue::String(typed)) = refused.get(kind) {
                let safe = printable(typed).into_owned();
                refused.insert(kind, ContextValue::String(safe));
            }
        }
        refused.exit()
    });
    logging::start(arguments.verbose);
    let done = match arguments.command {
        None => run::run(&arguments.run),
        Some(CliCommand::Run(arguments)) => run::run(&arguments),
        Some(CliCommand::Analyze(arguments)) => analyze::analyze(&arguments),
        Some(CliCommand::Classify(arguments)) => classify::classify(&arguments),
        Some(CliCommand::Count(arguments)) => count::count(&arguments),
        Some(CliCommand::Calibrate(arguments)) => calibrate::calibrate(&arguments),
        Some(CliCommand::Validate(ValidateCommand::Cells { arguments, confusion, measured_on })) => {
            validate::command::cells(&arguments, confusion.as_deref(), measured_on)
        }
        Some(CliCommand::Validate(ValidateCommand::Fields { arguments, classes, field })) => {
            validate::command::fields(&arguments, classes.as_deref(), &field)
        }
        Some(CliCommand::Validate(ValidateCommand::RedCells { dir, json, field, vision })) => {
            validate::command::red_cells(&dir, json, &field, &vision)
        }
        Some(CliCommand::Adapt(arguments)) => adapt::adapt(&arguments),
        Some(CliCommand::CheckConfig { file }) => check_config::check_config(&file),
        Some(CliCommand::Worklist(arguments)) => worklist::worklist(&arguments),
        Some(CliCommand::Sessions { config, json, all }) => sessions::sessions(config.as_deref(), json, all),
        Some(CliCommand::User(arguments)) => users::user(&arguments),
        Some(CliCommand::Token(arguments)) => users::token(&arguments),
        Some(CliCommand::Audit(arguments)) => audit::audit(&arguments),
        Some(CliCommand::Store { json, config }) => keeping::keeping(config.as_deref(), json),
        Some(CliCommand::Control(arguments)) => control::control(&arguments),
        Some(CliCommand::Report(arguments)) => report::report(&arguments),
        Some(CliCommand::Export(arguments)) => export::export(&arguments),
        Some(CliCommand::Backup(arguments)) => backup::backup(&arguments),
        Some(CliCommand::Restore(arguments)) => backup::restore(&arguments),
        Some(CliCommand::Model(arguments)) => model::model(&arguments),
        Some(CliCommand::SupportBundle { file, config }) => support::bundle(&file, config.as_deref()),
        Some(CliCommand::Clock { confirm, config }) => clock::clock(config.as_deref(), confirm),
        Some(CliCommand::Devices { json }) => devices::devices(json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if failure.code != 0 {
                output::aside(format_args!("leukoscope: {}", failure.words()));
            }
            ExitCode::from(failure.code)
        }
    }
}
