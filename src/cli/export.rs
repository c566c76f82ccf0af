//! `export`: cells that reviewers looked at, as training pictures.

use std::env;

use jiff::Timestamp;
use serde_json::json;

use crate::cli::args::ExportArguments;
use crate::cli::failure::{Blame, Failure};
use crate::cli::{output, station};
use crate::config::load::load;
use crate::store::export::{self, ExportError};
use crate::store::records::{SessionId, Status};
use crate::vision::crop::CropForm;
use crate::vision::models::Models;

/// Writes reviewed cells to a folder; the daemon may be running.
///
/// # Errors
/// With exit code 2 if the folder is not empty or a session does not exist, 1 if something cannot be read or written.
pub fn export(arguments: &ExportArguments) -> Result<(), Failure> {
    let config = load(arguments.config.as_deref(), env::vars()).blame_input()?;
    let Some(store) = station::to_read(arguments.config.as_deref())? else {
        return Err(Failure::input(format!("nothing is kept in {} yet", config.state_folder().display())));
    };
    // Crops are stored at the scale of the classifier they were cut for.
    let models = Models::read(&Models::folder(config.models.folder.as_deref(), &config.state_folder()));
    let scale =
        models.as_ref().map(|models| (models.card.classifier.sha256.as_str(), CropForm::of(&models.card).um_per_px));
    let sessions = export::look_up(&store, &arguments.session, &arguments.dir).map_err(blame)?;
    let signed: Vec<SessionId> =
        sessions.iter().filter(|session| session.status == Status::Final).map(|session| session.id).collect();
    if !signed.is_empty() {
        // Noted before any data leaves, as with a report.
        let by = station::to_write(arguments.config.as_deref())?;
        let to = arguments.dir.display().to_string();
        for id in signed {
            by.note("console", Timestamp::now(), "export", Some(id), &json!({"cells": to})).blame_run()?;
        }
    }
    let done = export::export(&store, &sessions, scale.ok(), arguments.all, &arguments.dir).map_err(blame)?;
    if done.cells == 0 {
        output::line("no cell with a picture that a reviewer looked at; nothing was written")?;
    } else {
        output::line(format_args!(
            "{} cells of {} sessions in {}",
            done.cells,
            done.sessions,
            arguments.dir.display()
        ))?;
    }
    if done.unseen > 0 {
        output::line(format_args!(
            "left out: {} of signed results that no reviewer looked at; --all adds them, without a reviewer",
            done.unseen
        ))?;
    }
    if done.quickly > 0 {
        output::line(format_args!(
            "{} cells were confirmed faster than anybody can look: they count as looked at by nobody",
            done.quickly
        ))?;
    }
    if done.nameless > 0 {
        output::line(format_args!("left out: {} that have no name although their result is signed", done.nameless))?;
    }
    if done.without_picture > 0 {
        output::line(format_args!("left out: {} whose picture is not kept any more", done.without_picture))?;
    }
    if done.damaged > 0 {
        output::line(format_args!("left out: {} whose picture is damaged; check the memory card", done.damaged))?;
    }
    Ok(())
}

fn blame(error: ExportError) -> Failure {
    match error {
        ExportError::NotEmpty(_) | ExportError::NoSession(_) => Failure::input(error),
        _ => Failure { code: 1, error: error.into() },
    }
}
