//! The client as the AWS SDK takes it. Time-outs, but for the one of connecting, and further attempts are the SDK's.

use super::{HttpClient, HttpError};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;
use http_body_util::BodyExt as _;

impl aws_smithy_runtime_api::client::http::HttpClient for HttpClient {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for HttpClient {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.clone();
        HttpConnectorFuture::new(async move {
            let request = request
                .try_into_http1x()
                .map_err(|error| ConnectorError::user(error.into()))?;
            let (parts, body) = request.into_parts();
            // Every request of this project has its body in memory.
            let body = body
                .bytes()
                .ok_or_else(|| ConnectorError::user("a body that is a stream".into()))?;
            let request = http::Request::from_parts(parts, Bytes::copy_from_slice(body));
            let (parts, body) = client.request(request).await.map_err(lost)?.into_parts();
            let body = body
                .collect()
                .await
                .map_err(|error| lost(HttpError::Lost(error.into())))?;
            let response = http::Response::from_parts(parts, SdkBody::from(body.to_bytes()));
            HttpResponse::try_from(response).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// Lost connections are worth another attempt, which the SDK decides on by this kind.
fn lost(error: HttpError) -> ConnectorError {
    ConnectorError::io(error.into())
}
