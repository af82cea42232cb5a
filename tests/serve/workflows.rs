//! Workflows are registered, shown in versions, and deleted.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::support::{Served, read};

fn document(name: &str, expression: &str) -> Json {
    json!({
        "format": "1.0", "name": name,
        "nodes": [{"id": "one", "type": "Expression", "config": {"expression": expression}}],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_is_registered_in_versions_that_survive_the_host() {
    let served = Served::new().await;
    let (status, told) = served.post("/workflows", &document("sum", "item + 1")).await;
    assert_eq!((status, &told["version"], &told["name"]), (StatusCode::CREATED, &json!(1), &json!("sum")));
    let (status, told) = served.post("/workflows", &document("sum", "item + 1")).await;
    assert_eq!(
        (status, &told["version"]),
        (StatusCode::OK, &json!(1)),
        "the same document is no new version"
    );
    let put = served.request(Method::PUT, "/workflows/sum").json(&document("sum", "item + 2"));
    let (status, told) = read(put.send().await.unwrap()).await;
    assert_eq!((status, &told["version"]), (StatusCode::CREATED, &json!(2)));

    let served = served.restarted(&[]).await;
    let (_, told) = served.get("/workflows/sum/versions").await;
    assert_eq!(told["versions"].as_array().unwrap().len(), 2);
    for (version, result) in [(1, 11), (2, 12)] {
        let body = json!({"inputs": {"item": 10}, "version": version});
        let (_, told) = served.post("/workflows/sum/execute", &body).await;
        assert_eq!((&told["outputs"]["one"]["result"], &told["version"]), (&json!(result), &json!(version)));
    }
    let (_, told) = served.get("/workflows/sum?version=1").await;
    assert_eq!(told["document"]["nodes"][0]["config"]["expression"], "item + 1");

    let gone = served.request(Method::DELETE, "/workflows/sum?version=2").send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    assert_eq!(served.get("/workflows/sum").await.1["version"], 1);
    let gone = served.request(Method::DELETE, "/workflows/sum").send().await.unwrap();
    assert_eq!(gone.status(), StatusCode::NO_CONTENT);
    let (status, told) = served.get("/workflows/sum").await;
    assert_eq!((status, &told["code"]), (StatusCode::NOT_FOUND, &json!("workflow.unknown")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_number_is_never_given_twice_while_the_host_lives() {
    let served = Served::new().await;
    served.post("/workflows", &document("sum", "1")).await;
    served.post("/workflows", &document("sum", "2")).await;
    served.request(Method::DELETE, "/workflows/sum?version=1").send().await.unwrap();
    let (_, told) = served.post("/workflows", &document("sum", "3")).await;
    assert_eq!(told["version"], 3);
    served.request(Method::DELETE, "/workflows/sum?version=3").send().await.unwrap();
    assert_eq!(
        served.post("/workflows", &document("sum", "4")).await.1["version"],
        4,
        "nor that of the newest"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn workflows_are_listed_in_pages() {
    let served = Served::new().await;
    let (_, first) = served.get("/workflows?limit=3").await;
    assert_eq!(first["next"], "count");
    let (_, rest) = served.get("/workflows?limit=3&after=count").await;
    let names = |told: &Json| -> Vec<String> {
        let listed = told["workflows"].as_array().unwrap();
        listed.iter().map(|workflow| workflow["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (names(&first), names(&rest)),
        (vec!["aging".into(), "broken".into(), "count".into()], vec!["hold".into(), "wait".into()])
    );
    assert_eq!(rest["next"], Json::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yaml_document_is_taken_too() {
    let served = Served::new().await;
    let yaml =
        "format: '1.0'\nname: greeting\nnodes:\n  - {id: hi, type: Template, config: {template: hello}}\n";
    let post =
        served.request(Method::POST, "/workflows").header("content-type", "application/yaml").body(yaml);
    let (status, told) = read(post.send().await.unwrap()).await;
    assert_eq!((status, &told["name"]), (StatusCode::CREATED, &json!("greeting")));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_a_document_is_told_with_its_place() {
    let served = Served::new().await;
    let document = json!({
        "format": "1.0", "name": "wrong",
        "nodes": [{"id": "a", "type": "CSVReadr", "config": {}}, {"id": "b", "type": "Expression", "config": {}}],
        "connections": [{"from": "a.data", "to": "c.item"}],
    });
    let (status, told) = served.post("/workflows", &document).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let issues = told["issues"].as_array().unwrap();
    assert!(issues.len() >= 2, "{told}");
    assert!(told.to_string().contains("did you mean `CSVReader`?"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_lead_elsewhere_are_refused_and_touch_no_file() {
    let served = Served::new().await;
    for name in ["../../etc/passwd", "..", "a/b", "a b", "", "-x", "x\u{0}y"] {
        let (status, told) = served.post("/workflows", &document(name, "1")).await;
        assert_eq!(
            (status, &told["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("workflow.name")),
            "{name:?}"
        );
    }
    for path in ["/workflows/..%2F..%2Fetc%2Fpasswd", "/workflows/a%00b", "/workflows/%ff"] {
        let response = served.request(Method::GET, path).send().await.unwrap();
        let (status, _) = read(response).await;
        assert!(
            [StatusCode::NOT_FOUND, StatusCode::UNPROCESSABLE_ENTITY].contains(&status),
            "{path}: {status}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_says_what_may_be_given_to_it() {
    let served = Served::new().await;
    let (_, schema) = served.get("/workflows/count/schema").await;
    assert_eq!(schema["required"], json!(["count"]));
    assert_eq!(schema["properties"]["count"]["required"], json!(["x"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn node_types_are_listed_with_their_schemas() {
    let served = Served::new().await;
    let (_, told) = served.get("/nodes").await;
    assert!(told["nodes"].as_array().unwrap().len() > 30);
    let (_, told) = served.get("/nodes/CSVReaderNode").await;
    assert_eq!((&told["type"], &told["schema"]["title"]), (&json!("CSVReader"), &json!("CSVReader")));
    let (status, told) = served.get("/nodes/CSVReadr").await;
    assert_eq!((status, told["hint"].as_str()), (StatusCode::NOT_FOUND, Some("did you mean `CSVReader`?")));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_files_of_one_name_in_the_folder_are_refused_before_anything_is_registered() {
    let (data, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let document = |value: u32| json!({"format": "1.0", "name": "flow", "nodes": [{"id": "n", "type": "Expression", "config": {"expression": value.to_string()}}]});
    for (file, value) in [("a.json", 1), ("b.json", 2)] {
        std::fs::write(folder.path().join(file), document(value).to_string()).unwrap();
    }
    let settings = [
        format!("host.data={}", data.path().display()),
        format!("workflows.folder={}", folder.path().display()),
    ];
    let config = || {
        kailash::host::config::Layers::new()
            .settings(settings.iter().map(String::as_str))
            .unwrap()
            .config()
            .unwrap()
    };
    let refused = kailash::host::Host::start(config()).await.err().unwrap();
    assert_eq!(refused.code(), "workflow.twice");
    assert!(
        ["a.json", "b.json", "`flow`"].iter().all(|named| refused.message().contains(named)),
        "{refused}"
    );
    std::fs::remove_file(folder.path().join("b.json")).unwrap();
    let host = kailash::host::Host::start(config()).await.unwrap();
    assert_eq!(host.workflows.versions("flow").unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_cannot_keep_a_workflow_is_unavailable_and_names_no_file_of_the_host() {
    let served = Served::new().await;
    let data = &served.host.config.host.data;
    // Where the folder of the workflow would be.
    std::fs::write(data.join("workflows/sum"), "").unwrap();
    let (status, told) = served.post("/workflows", &document("sum", "item + 1")).await;
    assert_eq!(
        (status, &told["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("workflow.storage")),
        "{told}"
    );
    assert!(!told.to_string().contains(&data.display().to_string()), "{told}");
}
