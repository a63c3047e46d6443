//! What the template's words mean here.

use super::*;

const TEMPLATE: &str = r"
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
        DefaultAuthorizer: People
        Authorizers:
          Keys: {FunctionArn: !GetAtt Authorizer.Arn, FunctionPayloadType: REQUEST, Identity: {ReauthorizeEvery: 0}}
          People: {UserPoolArn: !GetAtt Pool.Arn}
  Pool: {Type: AWS::Cognito::UserPool}
  Authorizer:
    Type: AWS::Serverless::Function
    Properties: {Timeout: 10}
  SendPush:
    Type: AWS::Serverless::Function
    Properties:
      Environment: {Variables: {QUEUE_URL: !Ref Work, TABLE: !Ref Table}}
      Events:
        Send: {Type: Api, Properties: {Path: /push, Method: POST, RestApiId: !Ref Api, Auth: {Authorizer: Keys}}}
        List: {Type: Api, Properties: {Path: /pushes, Method: get, RestApiId: !Ref Api}}
        Ask: {Type: Api, Properties: {Path: /push, Method: OPTIONS, RestApiId: !Ref Api, Auth: {Authorizer: NONE}}}
  Absent: {Type: AWS::Serverless::Function, Condition: Never}
  DeliverRole:
    Type: AWS::IAM::Role
    Properties:
      Policies:
        - PolicyName: own
          PolicyDocument:
            Statement:
              - {Effect: Allow, Action: [dynamodb:GetItem, dynamodb:Query], Resource: !GetAtt Table.Arn}
              - {Effect: Allow, Action: sqs:SendMessage, Resource: [!GetAtt Work.Arn]}
  Deliver:
    Type: AWS::Serverless::Function
    Metadata: {BuildProperties: {Binary: deliver-it}}
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
fn a_template_is_read_whole() {
    let template = parse(TEMPLATE).expect("a good template");
    let authorizer = |method: &str, path: &str| template.routes.find(method, path).expect("a route").route.authorizer;
    assert_eq!(authorizer("POST", "/push").as_deref(), Some("Keys"));
    assert_eq!(authorizer("GET", "/pushes").as_deref(), Some("People"));
    assert_eq!(authorizer("OPTIONS", "/push"), None);
    assert_eq!(template.functions.keys().collect::<Vec<_>>(), ["Authorizer", "Deliver", "SendPush"]);
    let send = &template.functions["SendPush"];
    assert_eq!((send.name.as_str(), send.timeout), ("send-push", Duration::from_secs(15)));
    assert_eq!(send.environment["QUEUE_URL"], "http://q/000000000000/Work");
    assert_eq!(send.environment["LOG_LEVEL"], "info");
    assert_eq!(template.functions["Deliver"].name, "deliver-it");
    let may = |function: &str| -> Vec<String> {
        template.roles[function].iter().map(|it| format!("{} {}", it.action, last_part(&it.resource))).collect()
    };
    assert_eq!(may("Deliver"), ["dynamodb:GetItem table/Table", "dynamodb:Query table/Table", "sqs:SendMessage Work"]);
    assert!(may("SendPush").is_empty());
    let source = &template.event_sources[0];
    assert_eq!((source.queue.as_str(), source.batch_size, source.concurrency), ("Work", 5, 3));
    assert!(source.reports_failures);
    let work = template.queues.iter().find(|queue| queue.name == "Work").expect("a queue");
    assert_eq!((work.dead_letters.as_deref(), work.max_receives), (Some("Dead"), Some(5)));
    assert_eq!(template.tables[0].1.as_deref(), Some("expires"));
}

#[test]
fn a_broken_template_says_what_is_wrong() {
    for (right, wrong, expected) in [
        ("StageName: v1", "StageName: [", "not YAML"),
        ("ReauthorizeEvery: 0", "ReauthorizeEvery: 300", "no cache"),
        ("FunctionPayloadType: REQUEST", "FunctionPayloadType: TOKEN", "REQUEST"),
        ("Authorizer: Keys}", "Authorizer: Key}", "authorizer Key, which does not exist"),
        ("!Ref Table", "!Ref Tabel", "Tabel"),
        ("!GetAtt Authorizer.Arn", "!GetAtt Pool.Arn", "Pool"),
        ("Path: /pushes, Method: get", "Path: /push, Method: post", "twice"),
        ("{Effect: Allow,", "{Effect: Deny,", "cannot judge"),
        ("Type: AWS::Serverless::Api", "Type: AWS::Serverless::HttpApi", "AWS::Serverless::Api"),
        ("DefaultAuthorizer: People", "DefaultAuthorizer: Persons", "Persons"),
    ] {
        let broken = TEMPLATE.replacen(right, wrong, 1);
        let error = parse(&broken).expect_err(wrong);
        assert!(error.contains(expected), "{wrong}: {error}");
    }
}

#[test]
fn the_project_s_own_template_is_understood() {
    let template = Template::read(Path::new(crate::TEMPLATE), "http://q").expect("the template");
    assert_eq!(template.stage, "v1");
    assert_eq!(template.tables.len(), 5);
    assert_eq!(template.event_sources.len(), 1);
    assert_eq!(template.secrets.len(), 1);
}
