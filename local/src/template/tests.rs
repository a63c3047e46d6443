//! A template is read as SAM and `CloudFormation` read it.

use super::values::APP_CLIENT_ID;
use super::*;

const SAMPLE: &str = r"
Globals:
  Function: {Timeout: 15, Environment: {Variables: {LOG_LEVEL: info}}}
Conditions:
  Never: !Equals [a, b]
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: v1
      Auth:
        DefaultAuthorizer: UserPoolAuthorizer
        Authorizers:
          ApiKeyAuthorizer: {FunctionArn: !GetAtt Authorizer.Arn, FunctionPayloadType: REQUEST, Identity: {ReauthorizeEvery: 0}}
          UserPoolAuthorizer: {UserPoolArn: !GetAtt Pool.Arn}
  Pool: {Type: AWS::Cognito::UserPool}
  Client:
    Type: AWS::Cognito::UserPoolClient
    Properties: {CallbackURLs: [!Sub 'http://c/${AWS::Region}'], LogoutURLs: [http://c/out, http://c/end]}
  Authorizer:
    Type: AWS::Serverless::Function
    Properties: {Timeout: 10}
  SendPush:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {QUEUE_URL: !Ref Work, TABLE: !Ref Table}}
      Events:
        Send: {Type: Api, Properties: {Path: /push, Method: POST, RestApiId: !Ref Api, Auth: {Authorizer: ApiKeyAuthorizer}}}
        List: {Type: Api, Properties: {Path: /pushes, Method: get, RestApiId: !Ref Api}}
        Preflight: {Type: Api, Properties: {Path: /push, Method: OPTIONS, RestApiId: !Ref Api, Auth: {Authorizer: NONE}}}
  Absent: {Type: AWS::Serverless::Function, Condition: Never}
  DeliverRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyName: inline
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: [dynamodb:GetItem, dynamodb:Query], Resource: !GetAtt Table.Arn}
              - {Effect: Allow, Action: sqs:SendMessage, Resource: [!GetAtt Work.Arn]}
  Deliver:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: deliver-tasks}}
    Properties:
      Role: !GetAtt DeliverRole.Arn
      Events:
        Work:
          Type: SQS
          Properties:
            Queue: !GetAtt Work.Arn
            BatchSize: 5
            FunctionResponseTypes: [ReportBatchItemFailures]
            ScalingConfig: {MaximumConcurrency: 3}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      KeySchema: [{AttributeName: pk, KeyType: HASH}]
      AttributeDefinitions: [{AttributeName: pk, AttributeType: S}]
      TimeToLiveSpecification: {AttributeName: expires, Enabled: true}
  Work:
    Type: AWS::SQS::Queue
    Properties: {VisibilityTimeout: 60, RedrivePolicy: {deadLetterTargetArn: !GetAtt Dead.Arn, maxReceiveCount: 5}}
  Dead: {Type: AWS::SQS::Queue}
";

fn parse(template: &str) -> Result<Template, String> {
    Template::parse(template, "http://q")
}

#[test]
fn every_resource_of_a_template_is_read() {
    let template = parse(SAMPLE).expect("a template");
    let authorizer = |method: &str, path: &str| {
        let mut routes = template.routes.iter();
        routes.find(|route| route.method == method && route.resource == path).expect("a route").authorizer.clone()
    };
    assert_eq!(authorizer("POST", "/push").as_deref(), Some("ApiKeyAuthorizer"));
    assert_eq!(authorizer("GET", "/pushes").as_deref(), Some("UserPoolAuthorizer"));
    assert_eq!(authorizer("OPTIONS", "/push"), None);
    assert_eq!(template.functions.keys().collect::<Vec<_>>(), ["Authorizer", "Deliver", "SendPush"]);
    let send = &template.functions["SendPush"];
    assert_eq!((send.name.as_str(), send.timeout), ("send-push", Duration::from_secs(15)));
    assert_eq!(send.environment["QUEUE_URL"], "http://q/000000000000/Work");
    assert_eq!(send.environment["LOG_LEVEL"], "info");
    assert_eq!(template.functions["Deliver"].name, "deliver-tasks");
    let grants = |function: &str| -> Vec<String> {
        template.grants[function].iter().map(|it| format!("{} {}", it.action, arn_name(&it.resource))).collect()
    };
    assert_eq!(
        grants("Deliver"),
        ["dynamodb:GetItem table/Table", "dynamodb:Query table/Table", "sqs:SendMessage Work"]
    );
    assert!(grants("SendPush").is_empty());
    let source = &template.event_source_mappings[0];
    assert_eq!((source.queue.as_str(), source.batch_size, source.max_concurrency), ("Work", 5, 3));
    assert!(source.reports_failures);
    let work = template.queues.iter().find(|queue| queue.name == "Work").expect("a queue");
    assert_eq!((work.dead_letter_queue.as_deref(), work.max_receive_count), (Some("Dead"), Some(5)));
    assert_eq!(template.tables[0].ttl_attribute.as_deref(), Some("expires"));
    assert_eq!(
        (template.callback_urls.len(), template.logout_urls),
        (1, vec!["http://c/out".into(), "http://c/end".into()])
    );
}

#[test]
fn an_invalid_template_is_a_clear_error() {
    for (valid, invalid, expected) in [
        ("StageName: v1", "StageName: [", "not YAML"),
        ("ReauthorizeEvery: 0", "ReauthorizeEvery: 300", "no cache"),
        ("FunctionPayloadType: REQUEST", "FunctionPayloadType: TOKEN", "REQUEST"),
        ("{Authorizer: ApiKeyAuthorizer}", "{Authorizer: Missing}", "authorizer Missing, which does not exist"),
        ("!Ref Table", "!Ref Tabel", "Tabel"),
        ("!GetAtt Authorizer.Arn", "!GetAtt Pool.Arn", "Pool"),
        ("Path: /pushes, Method: get", "Path: /push, Method: post", "twice"),
        ("{Effect: Allow,", "{Effect: Deny,", "cannot evaluate"),
        ("Type: AWS::Serverless::Api", "Type: AWS::Serverless::HttpApi", "AWS::Serverless::Api"),
        ("DefaultAuthorizer: UserPoolAuthorizer", "DefaultAuthorizer: Missing", "Missing"),
    ] {
        let sample = SAMPLE.replacen(valid, invalid, 1);
        let error = parse(&sample).expect_err(invalid);
        assert!(error.contains(expected), "{invalid}: {error}");
    }
}

#[test]
fn the_template_of_the_project_is_read() {
    let template = Template::read(Path::new(TEMPLATE), "http://q").expect("the template");
    assert_eq!(template.stage.name, "v1");
    assert_eq!(template.tables.len(), 5);
    assert_eq!(template.event_source_mappings.len(), 1);
    assert_eq!(template.secrets.len(), 2);
    assert_eq!(template.stage.variables["app_client"], APP_CLIENT_ID);
    let consoles =
        ["https://local.execute-api.eu-central-1.amazonaws.com/v1/console", "http://localhost:3000/v1/console"];
    assert_eq!(
        (template.callback_urls, template.logout_urls),
        (consoles.map(str::to_owned).into(), consoles.map(str::to_owned).into())
    );
}
