//! Reference pictures of each class, from a folder of the laboratory's own: `[web] reference_cells`. None are shipped, because the
//! licences of public sets differ and a laboratory's own stain teaches more.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, Path as InPath};
use super::sessions::picture;
use crate::domain::class::CellClass;

/// Pictures shown of a class, at most.
const MOST: usize = 8;

/// Largest picture, bytes.
const LARGEST: u64 = 2 << 20;

/// How many reference pictures there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct References {
    /// By class; classes without any are left out.
    classes: BTreeMap<CellClass, usize>,
}

/// How many reference pictures of each class the laboratory has put in its folder, at most 8 a class.
#[utoipa::path(get, path = "/api/references", tag = "sessions", responses((status = 200, body = References)))]
pub(super) async fn list(State(app): State<SharedApp>) -> Result<Json<References>, ApiError> {
    blocking(&app, |app: &App| {
        let Some(folder) = &app.reference_cells else { return Ok(BTreeMap::new()) };
        let counts = CellClass::ALL.iter().map(|class| (*class, pictures(folder, *class).len()));
        Ok::<_, ApiError>(counts.filter(|(_, count)| *count > 0).collect())
    })
    .await
    .map(|classes| Json(References { classes }))
}

/// One reference picture, by class and number from 1.
#[utoipa::path(get, path = "/api/references/{class}/{n}", tag = "sessions",
    params(("class" = String, Path), ("n" = usize, Path)),
    responses((status = 200, content_type = "image/*", body = Vec<u8>)),
)]
pub(super) async fn one(
    State(app): State<SharedApp>,
    InPath((class, number)): InPath<(String, usize)>,
) -> Result<Response, ApiError> {
    let none = || ApiError::not_found("there is no such reference picture");
    let class: CellClass = class.parse().map_err(|_| none())?;
    let found = blocking(&app, move |app: &App| {
        let Some(folder) = &app.reference_cells else { return Ok(None) };
        let Some(path) = number.checked_sub(1).and_then(|at| pictures(folder, class).into_iter().nth(at)) else {
            return Ok(None);
        };
        let kind = kind(&path);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
        if let Err(problem) = read {
            log::warn!("page: {}: {problem}", path.display());
            return Ok(None);
        }
        Ok::<_, ApiError>(kind.filter(|_| bytes.len() as u64 <= LARGEST).map(|kind| (kind, bytes)))
    })
    .await?;
    found.map(|(kind, bytes)| picture(kind, bytes)).ok_or_else(none)
}

/// The pictures of a class, in the order of their names.
fn pictures(folder: &Path, class: CellClass) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join(class.code())) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| kind(path).is_some() && path.is_file());
    paths.sort();
    paths.truncate(MOST);
    paths
}

/// The media type of a picture that browsers show.
fn kind(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?.to_lowercase();
    match ending.as_str() {
        "png" => Some("image/png"),
        "jpg" | "jpeg" => Some("image/jpeg"),
        _ => None,
    }
}
