//! `user` and `token`: who may do what on the page.

use std::io::{self, BufRead as _, IsTerminal as _};

use jiff::Timestamp;

use crate::cli::args::{TokenArguments, TokenCommand, UserArguments, UserCommand};
use crate::cli::failure::{Blame, Failure};
use crate::cli::{output, station};
use crate::store::StoreError;
use crate::store::records::User;

/// Name in the audit trail.
const CONSOLE: &str = "console";

/// Adds, changes or lists users; the daemon may be running.
///
/// # Errors
/// With exit code 2 if the request is not allowed, 1 if the store cannot be used.
pub fn user(arguments: &UserArguments) -> Result<(), Failure> {
    let config = arguments.config.as_deref();
    let now = Timestamp::now();
    match &arguments.command {
        UserCommand::Add { name, role } => {
            // Asked for before the store is opened, so that nothing is locked while a person types.
            let password = password(name)?;
            let store = station::to_write(config)?;
            store.add_user(name, *role, &password, CONSOLE, now).map_err(blamed)?;
            output::line(format_args!("{name} may log in as {}", role.word()))?;
        }
        UserCommand::Set { name, role, password: change, disable, enable } => {
            if role.is_none() && !(*change || *disable || *enable) {
                return Err(Failure::input("say what to change: --role, --password, --disable or --enable"));
            }
            let password = if *change { Some(password(name)?) } else { None };
            let store = station::to_write(config)?;
            let enabled = (*disable || *enable).then_some(*enable);
            store.set_user(name, *role, enabled, password.as_deref(), CONSOLE, now).map_err(blamed)?;
            output::line(format_args!("{name} was changed"))?;
        }
        UserCommand::List => {
            let store = station::to_read(config)?;
            list(&store.map_or_else(|| Ok(Vec::new()), |store| store.users()).blame_run()?, "user")?;
        }
    }
    Ok(())
}

/// Adds, removes or lists tokens; the daemon may be running.
///
/// # Errors
/// With exit code 2 if the request is not allowed, 1 if the store cannot be used.
pub fn token(arguments: &TokenArguments) -> Result<(), Failure> {
    let config = arguments.config.as_deref();
    let now = Timestamp::now();
    match &arguments.command {
        TokenCommand::Add { name, role } => {
            let secret = station::to_write(config)?.add_token(name, *role, CONSOLE, now).map_err(blamed)?;
            // Only the secret goes to standard output, so that a script can take it.
            output::aside(format_args!(
                "the token of {name}, to be sent as `Authorization: Bearer …`; it cannot be shown again:"
            ));
            output::line(secret)?;
        }
        TokenCommand::Remove { name } => {
            if !station::to_write(config)?.remove_token(name, CONSOLE, now).map_err(blamed)? {
                return Err(Failure::input(format!("there is no token {name}")));
            }
            output::line(format_args!("the token of {name} is worth nothing any more"))?;
        }
        TokenCommand::List => {
            let store = station::to_read(config)?;
            list(&store.map_or_else(|| Ok(Vec::new()), |store| store.tokens()).blame_run()?, "token")?;
        }
    }
    Ok(())
}

fn list(users: &[User], what: &str) -> Result<(), Failure> {
    if users.is_empty() {
        output::aside(format_args!("there is no {what} yet"));
    }
    for User { name, role, enabled } in users {
        output::line(format_args!("{name}  {}{}", role.word(), if *enabled { "" } else { "  disabled" }))?;
    }
    Ok(())
}

/// Asks at the terminal, twice; otherwise takes the first line of standard input.
fn password(name: &str) -> Result<String, Failure> {
    if !io::stdin().is_terminal() {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).blame_run()?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
    let first = rpassword::prompt_password(format!("Password of {name}: ")).blame_run()?;
    let second = rpassword::prompt_password("Once more: ").blame_run()?;
    if first != second {
        return Err(Failure::input("the two passwords are not the same; nothing was changed"));
    }
    Ok(first)
}

fn blamed(error: StoreError) -> Failure {
    if error.is_refusal() { Failure::input(error) } else { Failure { code: 1, error: error.into() } }
}
