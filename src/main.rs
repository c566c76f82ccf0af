//! Arguments in, one command done, an exit code out.

use std::process::ExitCode;

use clap::Parser as _;
use leukoscope::cli::args::{Arguments, Command, ValidateCommand};
use leukoscope::cli::{
    analyze, audit, calibrate, check_config, count, devices, export, report, run, sessions, users, validate,
};
use leukoscope::system::logging;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    logging::start(arguments.verbose);
    let done = match arguments.command {
        None => run::run(&arguments.run),
        Some(Command::Run(arguments)) => run::run(&arguments),
        Some(Command::Analyze(arguments)) => analyze::analyze(&arguments),
        Some(Command::Classify(arguments)) => analyze::classify(&arguments),
        Some(Command::Count(arguments)) => count::count(&arguments),
        Some(Command::Calibrate(arguments)) => calibrate::calibrate(&arguments),
        Some(Command::Validate(ValidateCommand::Cells { arguments, confusion, measured_on })) => {
            validate::cells(&arguments, confusion.as_deref(), measured_on)
        }
        Some(Command::Validate(ValidateCommand::Fields { arguments, classes, field })) => {
            validate::fields(&arguments, classes.as_deref(), &field)
        }
        Some(Command::CheckConfig { file }) => check_config::check_config(&file),
        Some(Command::Sessions { config, json }) => sessions::sessions(config.as_deref(), json),
        Some(Command::User(arguments)) => users::user(&arguments),
        Some(Command::Token(arguments)) => users::token(&arguments),
        Some(Command::Audit(arguments)) => audit::audit(&arguments),
        Some(Command::Report(arguments)) => report::report(&arguments),
        Some(Command::Export(arguments)) => export::export(&arguments),
        Some(Command::Devices { json }) => devices::devices(json),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("leukoscope: {:#}", failure.error);
            ExitCode::from(failure.code)
        }
    }
}
