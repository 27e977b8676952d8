//! One request: what it asks for, whether that is there, and what it leads to.

use std::sync::Arc;

use hyper::{
    Method, Request,
    body::Incoming,
    header::{ACCEPT, CONTENT_TYPE, USER_AGENT},
};
use serde_json::{Value, json};

use super::{
    accept::{self, Form},
    answer::{self, Answer},
    body,
    faults::Faults,
    list::{self, Pieces},
    query::Query,
    route::{Route, Target, route},
    table::{self, Include},
    watch,
};
use crate::sandbox::{
    Fault,
    kinds::{Kind, discovery, open_api},
    log::Log,
    objects::{
        DeleteOptions, Deleted, Objects, Patch, Place, Writing, Written, has_subresource, scale,
    },
    random,
    refusal::{Refusal, details},
};

/// Its media type, to the letter: clients compare.
const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// Subresources that Kubernetes has and the sandbox does not, and of what.
const LEFT_OUT: [(&str, &str); 10] = [
    ("pods", "attach"),
    ("pods", "binding"),
    ("pods", "ephemeralcontainers"),
    ("pods", "eviction"),
    ("pods", "exec"),
    ("pods", "portforward"),
    ("pods", "proxy"),
    ("pods", "resize"),
    ("services", "proxy"),
    ("serviceaccounts", "token"),
];

/// What `kubectl logs` shows.
const NO_LOG: &str = "the stackctl sandbox runs no containers: there is no log\n";

/// Answers requests.
#[derive(Debug)]
pub(in crate::sandbox) struct Server {
    objects: Arc<Objects>,
    pieces: Pieces,
    faults: Faults,
    log: Log,
    /// Makes addresses of `OpenAPI` documents new.
    salt: String,
    /// Host and port.
    address: String,
}

/// A request whose body has not been read.
struct Asked<'a> {
    method: &'a Method,
    query: Query,
    form: Form,
    manager: String,
}

impl Server {
    pub(in crate::sandbox) fn new(
        objects: Arc<Objects>,
        faults: &[Fault],
        log: Log,
        address: String,
    ) -> Self {
        Self {
            objects,
            pieces: Pieces::default(),
            faults: Faults::new(faults),
            log,
            salt: random::uid(),
            address,
        }
    }

    /// Answers, whatever comes. What the sandbox does not do is written to its log.
    pub(super) async fn handle(&self, request: Request<Incoming>) -> Answer {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        match self.answer(&method, &path, request).await {
            Ok(answer) => answer,
            Err(refusal) => {
                if [405, 406, 415, 501].contains(&refusal.code) {
                    let (code, message) = (refusal.code, &refusal.message);
                    self.log
                        .line(&format!("refused {method} {path}: {code} {message}"));
                }
                answer::refusal(&refusal)
            }
        }
    }

    async fn answer(
        &self,
        method: &Method,
        path: &str,
        request: Request<Incoming>,
    ) -> Result<Answer, Refusal> {
        let header = |name| {
            let value = request.headers().get(name);
            value.and_then(|value| value.to_str().ok())
        };
        let query = Query::new(request.uri().query().unwrap_or(""));
        let route = route(path);
        if let Route::Target(target) = route {
            let asked = Asked {
                method,
                form: accept::form(header(ACCEPT))?,
                manager: manager(&query, header(USER_AGENT)),
                query,
            };
            return self.target(target, asked, request).await;
        }
        if method != Method::GET && method != Method::HEAD {
            return Err(Refusal::method_not_allowed());
        }
        let aggregated = accept::form(header(ACCEPT)) == Ok(Form::Aggregated);
        self.document(&route, aggregated)
    }

    /// Everything that is not objects.
    fn document(&self, route: &Route, aggregated: bool) -> Result<Answer, Refusal> {
        let kinds = self.objects.kinds().all();
        let found = |document: Option<Value>| {
            let document = document.ok_or_else(Refusal::no_such_path)?;
            Ok(answer::json(200, &document))
        };
        let discovered = |core: bool| {
            let mut answer = answer::json(200, &discovery::aggregated(&kinds, core));
            answer::set(&mut answer, CONTENT_TYPE, AGGREGATED);
            Ok(answer)
        };
        match route {
            Route::Version => found(Some(version())),
            Route::Health => Ok(answer::bytes(200, "text/plain; charset=utf-8", "ok")),
            Route::Core if aggregated => discovered(true),
            Route::Groups if aggregated => discovered(false),
            Route::Core => found(Some(discovery::core_versions(&self.address))),
            Route::Groups => found(Some(discovery::group_list(&kinds))),
            Route::Group(name) => found(discovery::group(&kinds, name)),
            Route::Resources { group, version } => {
                found(discovery::resource_list(&kinds, group, version))
            }
            Route::OpenApiV2 => Ok(answer::bytes(200, open_api::V2_TYPE, open_api::V2)),
            Route::OpenApiV3 => {
                // Kinds of CRDs come and go, and clients keep documents by their address.
                let salt = format!("{}-{}", self.salt, self.objects.crds_version());
                found(Some(open_api::index(&kinds, &salt)))
            }
            Route::OpenApiDocument(folder) => found(open_api::document(&kinds, folder)),
            Route::Target(_) | Route::Unknown => Ok(answer::bytes(
                404,
                "text/plain; charset=utf-8",
                "404 page not found\n",
            )),
        }
    }

    async fn target(
        &self,
        target: Target,
        asked: Asked<'_>,
        request: Request<Incoming>,
    ) -> Result<Answer, Refusal> {
        let kinds = self.objects.kinds();
        let kind = kinds.at(&target.group, &target.version, &target.plural);
        let kind = kind.ok_or_else(Refusal::no_such_path)?;
        let Some(name) = &target.name else {
            return self.many(&kind, target.namespace, asked, request).await;
        };
        if kind.namespaced != target.namespace.is_some() {
            return Err(Refusal::no_such_path());
        }
        let subresource = &*target.subresource;
        let place = Place {
            kind: &kind,
            namespace: target.namespace.as_deref().unwrap_or(""),
            name,
            subresource,
        };
        let first = subresource.split('/').next().unwrap_or_default();
        if LEFT_OUT.contains(&(&*kind.resource, first)) {
            let what = format!("{}/{first}", kind.resource);
            return Err(Refusal::not_implemented(&what));
        }
        if kind.others.contains(&subresource) {
            self.objects.get(&place)?;
            return Ok(answer::bytes(200, "text/plain", NO_LOG));
        }
        if !has_subresource(&kind, subresource) {
            return Err(Refusal::no_such_path());
        }
        self.one(&place, asked, request).await
    }

    /// One object, or a subresource of it.
    async fn one(
        &self,
        place: &Place<'_>,
        asked: Asked<'_>,
        request: Request<Incoming>,
    ) -> Result<Answer, Refusal> {
        let kind = place.kind;
        if kind.review {
            return Err(Refusal::method_not_allowed());
        }
        if *asked.method != Method::GET
            && !self.faults.is_empty()
            && let Ok(live) = self.objects.get(place)
        {
            self.faults.check(&live)?;
        }
        match *asked.method {
            Method::GET => {
                let object = self.objects.get(place)?;
                if place.subresource == "scale" {
                    return Ok(answer::json(200, &scale::of(kind, &object)?));
                }
                Ok(answer::json(200, &shown(kind, &object, &asked)))
            }
            Method::PUT => {
                let object = body::read(request).await?.object(&kind.kind)?;
                let written = self
                    .objects
                    .update(place, object, &writing(&asked)?)
                    .await?;
                Ok(answered(kind, &written, &asked))
            }
            Method::PATCH => {
                let force = asked.query.is_true("force");
                let patch = body::read(request).await?.patch(force)?;
                if let Patch::Apply(applied, _) = &patch {
                    self.faults.check(applied)?;
                }
                if matches!(patch, Patch::Apply(..)) && asked.query.get("fieldManager").is_none() {
                    return Err(Refusal::unprocessable(
                        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is \
                         required for apply patch",
                    ));
                }
                let written = self.objects.patch(place, patch, &writing(&asked)?).await?;
                Ok(answered(kind, &written, &asked))
            }
            Method::DELETE if place.subresource.is_empty() => {
                let options = delete_options(&asked, request).await?;
                let deleted = self.objects.delete(place, &options).await?;
                Ok(match deleted {
                    Deleted::Going(object) => answer::json(200, &object),
                    Deleted::Gone(object) if kind.is("", "Pod") => answer::json(200, &object),
                    Deleted::Gone(object) => answer::json(200, &gone(kind, &object)),
                })
            }
            _ => Err(Refusal::method_not_allowed()),
        }
    }

    /// The objects of a kind.
    async fn many(
        &self,
        kind: &Arc<Kind>,
        namespace: Option<String>,
        asked: Asked<'_>,
        request: Request<Incoming>,
    ) -> Result<Answer, Refusal> {
        if !kind.namespaced && namespace.is_some() {
            return Err(Refusal::no_such_path());
        }
        match *asked.method {
            _ if kind.review && *asked.method != Method::POST => Err(Refusal::method_not_allowed()),
            Method::GET if asked.query.is_true("watch") => {
                watch::watch(&self.objects, kind, namespace, &asked.query, asked.form)
            }
            Method::GET => {
                let (query, form) = (&asked.query, asked.form);
                let namespace = namespace.as_deref();
                let list = list::list(&self.objects, &self.pieces, kind, namespace, query, form);
                Ok(answer::json(200, &list?))
            }
            Method::POST => {
                if kind.namespaced && namespace.is_none() {
                    return Err(Refusal::method_not_allowed());
                }
                let object = body::read(request).await?.object(&kind.kind)?;
                self.faults.check(&object)?;
                let place = Place {
                    kind,
                    namespace: namespace.as_deref().unwrap_or(""),
                    name: "",
                    subresource: "",
                };
                let written = self
                    .objects
                    .create(&place, object, &writing(&asked)?)
                    .await?;
                Ok(answered(kind, &written, &asked))
            }
            Method::DELETE => {
                let selector = list::selector(kind, &asked.query)?;
                let options = delete_options(&asked, request).await?;
                let listing = self.objects.list(kind, namespace.as_deref());
                for object in listing.items.iter().filter(|object| selector.fits(object)) {
                    let text = |field: &str| object["metadata"][field].as_str().unwrap_or("");
                    let place = Place {
                        kind,
                        namespace: text("namespace"),
                        name: text("name"),
                        subresource: "",
                    };
                    match self.objects.delete(&place, &options).await {
                        Err(refusal) if refusal.code != 404 => return Err(refusal),
                        _ => {}
                    }
                }
                let status = json!({
                    "kind": "Status",
                    "apiVersion": "v1",
                    "metadata": {},
                    "status": "Success",
                    "details": details(&kind.group, &kind.plural, ""),
                });
                Ok(answer::json(200, &status))
            }
            _ => Err(Refusal::method_not_allowed()),
        }
    }
}

fn writing<'a>(asked: &'a Asked<'_>) -> Result<Writing<'a>, Refusal> {
    Ok(Writing {
        through: None,
        manager: &asked.manager,
        dry_run: asked.query.dry_run()?,
        validation: asked.query.validation()?,
    })
}

/// `fieldManager`, else the first word of the client's name, as a real server.
fn manager(query: &Query, agent: Option<&str>) -> String {
    let agent = agent.and_then(|agent| agent.split('/').next());
    let name = query.get("fieldManager").or(agent).unwrap_or("unknown");
    name.chars().take(128).collect()
}

async fn delete_options(
    asked: &Asked<'_>,
    request: Request<Incoming>,
) -> Result<DeleteOptions, Refusal> {
    let sent = body::read(request).await?.delete_options()?;
    let mut options = body::delete_options(&sent)?;
    let query = &asked.query;
    options.dry_run |= query.dry_run()?;
    if let (None, Some(policy)) = (options.propagation, query.get("propagationPolicy")) {
        options.propagation = Some(body::propagation(policy)?);
    }
    if options.grace.is_none() {
        options.grace = query.number("gracePeriodSeconds")?;
    }
    Ok(options)
}

fn answered(kind: &Kind, written: &Written, asked: &Asked<'_>) -> Answer {
    let code = if written.created { 201 } else { 200 };
    let mut answer = answer::json(code, &shown(kind, &written.object, asked));
    answer::warn(&mut answer, &written.warnings);
    answer
}

/// The object in the form asked for.
fn shown(kind: &Kind, object: &Value, asked: &Asked<'_>) -> Value {
    match asked.form {
        Form::Whole | Form::Aggregated => object.clone(),
        Form::Metadata => table::partial(object),
        Form::Table => {
            let metadata = json!({ "resourceVersion": object["metadata"]["resourceVersion"] });
            let include = Include::parse(asked.query.get("includeObject"));
            table::table(kind, &[object], &metadata, include, true)
        }
    }
}

fn gone(kind: &Kind, object: &Value) -> Value {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or("");
    let mut details = details(&kind.group, &kind.plural, text("name"));
    details["uid"] = text("uid").into();
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Success",
        "details": details,
    })
}

/// The Kubernetes that the schemas are of.
fn version() -> Value {
    json!({
        "major": "1",
        "minor": "37",
        "gitVersion": "v1.37.2+stackctl-sandbox",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    })
}
