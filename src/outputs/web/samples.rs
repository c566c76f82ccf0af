//! What is known of a sample id before a count of it begins.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::app::{App, SharedApp, blocking};
use super::error::{ApiError, QueryParameters};
use super::guard::Caller;
use crate::counting::session::sample::{NoSampleId, check_rules, sample_id};
use crate::domain::counts::ClassCount;
use crate::domain::flag::Flag;
use crate::store::records::{SessionId, SessionQuery, SessionSummary, Status, WorklistEntry};

/// Classes of an earlier result that are told, most frequent first.
const LEADING: usize = 3;

/// Which sample.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WhichSample {
    /// The id as scanned or typed.
    id: String,
}

/// What is known of a sample id.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KnownSample {
    /// The id without spaces around it.
    sample: String,
    /// Why it is no sample id here, as a sentence; null if it is one.
    problem: Option<String>,
    /// The rule that it breaks: `length`, `letters`, `pattern`, `characters`, `check-digit` or `name`; null if none.
    rule: Option<&'static str>,
    /// The newest result of this id.
    earlier: Option<EarlierCount>,
    /// The order of it that waits on the worklist.
    ordered: Option<WorklistEntry>,
    /// Number of a count of it that broke off and waits to go on or to be closed.
    #[schema(value_type = Option<i64>)]
    interrupted: Option<SessionId>,
}

/// An earlier result in short.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EarlierCount {
    /// Number of its session.
    #[schema(value_type = i64)]
    session: SessionId,
    /// When its count began.
    started: Timestamp,
    status: Status,
    /// Cells of the differential.
    counted: u32,
    /// Who signed it, if it is signed.
    signed_by: Option<String>,
    /// The most frequent classes, three at most.
    leading: Vec<ClassCount>,
    flags: Vec<Flag>,
}

/// What is known of a sample id: whether it is one by the rules of the laboratory, and its newest earlier result. Asked
/// before a count begins. A signed earlier result is noted in the audit trail as viewed.
#[utoipa::path(get, path = "/api/samples", tag = "worklist", params(WhichSample), responses(
    (status = 200, body = KnownSample),
))]
pub(super) async fn known(
    State(app): State<SharedApp>,
    caller: Caller,
    QueryParameters(WhichSample { id }): QueryParameters<WhichSample>,
) -> Result<Json<KnownSample>, ApiError> {
    blocking(&app, move |app: &App| app.known(&id, &caller)).await.map(Json)
}

impl App {
    /// A sample id by the rules of the laboratory, without spaces around it.
    pub(super) fn checked_sample(&self, typed: &str) -> Result<String, NoSampleId> {
        let id = sample_id(typed)?;
        check_rules(&id, &self.in_force.now().settings.sample)?;
        Ok(id)
    }

    fn known(&self, typed: &str, caller: &Caller) -> Result<KnownSample, ApiError> {
        let sample = match self.checked_sample(typed) {
            Ok(sample) => sample,
            Err(problem) => {
                let (sample, rule) = (typed.trim_matches(' ').to_owned(), Some(problem.rule()));
                let problem = Some(problem.to_string());
                return Ok(KnownSample { sample, problem, rule, earlier: None, ordered: None, interrupted: None });
            }
        };
        let earlier = self.earlier(&sample, caller)?;
        let ordered = self.store.worklist(Timestamp::now())?.into_iter().find(|entry| entry.order.sample == sample);
        let interrupted = self.store.interrupted()?.into_iter().find(|one| one.sample == sample).map(|one| one.id);
        Ok(KnownSample { sample, problem: None, rule: None, earlier, ordered, interrupted })
    }

    fn earlier(&self, sample: &str, caller: &Caller) -> Result<Option<EarlierCount>, ApiError> {
        // Also holds ids that this one is a part of.
        let query = SessionQuery { sample: Some(sample.to_owned()), limit: 500, ..SessionQuery::default() };
        let same = |one: &SessionSummary| one.sample == sample && one.result.is_some();
        let Some(found) = self.store.sessions(&query)?.into_iter().find(same) else { return Ok(None) };
        let detail = self.view(found.id, caller, "earlier")?;
        let result = detail.reviewed_result;
        let SessionSummary { id: session, started, status, counted, signed_by, flags, .. } = detail.summary;
        let classes = result.map(|result| result.classes).unwrap_or_default();
        let leading = classes.into_iter().take(LEADING).collect();
        Ok(Some(EarlierCount { session, started, status, counted, signed_by, leading, flags }))
    }
}
