"""``http`` and ``httpApi`` events, as the AWS::ApiGateway and AWS::ApiGatewayV2 types."""

from __future__ import annotations

import re
from typing import Any

from pileus.languages.serverless.build import Build
from pileus.languages.serverless.names import (
    ACCOUNT,
    PARTITION,
    REGION,
    function_id,
    joined_arn,
    upper_first,
)
from pileus.languages.serverless.reading import Reading

_METHODS = "GET|POST|PUT|PATCH|OPTIONS|HEAD|DELETE|ANY"
_REST_API = {"Ref": "ApiGatewayRestApi"}
_HTTP_API = {"Ref": "HttpApi"}
_CORS_HEADERS = ("Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token,"
                 "X-Amz-User-Agent,X-Amzn-Trace-Id")  # fmt: skip


def add_http(build: Build, name: str, event: Reading) -> None:
    """One ``http`` event: resources, a method and its Lambda proxy integration.

    Raises:
        ServiceFileError: no method or path, or a setting that is not translated.
    """
    if isinstance(event.value, dict):
        method = event["method"].text(f"(?i:{_METHODS})", "an HTTP method").upper()
        path = event["path"].text()
    else:
        text = event.text(rf"(?i:{_METHODS})\s+/?\S*", "METHOD /path")
        method, path = text.split(None, 1)
        method = method.upper()
    if isinstance(event.value, dict):
        event.check_keys("method", "path", "cors", "private", "authorizer", "async", "integration")
        for setting in ("async", "integration"):
            if event[setting] and event[setting].value not in (False, "lambda-proxy", "aws_proxy"):
                raise event[setting].error("only the Lambda proxy integration is translated")
    parts = [part for part in path.strip("/").split("/") if part]
    resource = _path(build, parts)
    tail = "".join(_part_id(part) for part in parts)
    permission = f"{function_id(name)}LambdaPermissionApiGateway"
    method_id = f"ApiGatewayMethod{tail}{upper_first(method.lower())}"
    settings = event if isinstance(event.value, dict) else Reading(event.file, event.path, {})
    build.add(
        method_id,
        "AWS::ApiGateway::Method",
        {
            "HttpMethod": method,
            "RequestParameters": {},
            "ResourceId": resource,
            "RestApiId": _REST_API,
            "ApiKeyRequired": settings["private"].boolean(False),
            "AuthorizationType": _authorization(settings["authorizer"]),
            "Integration": {
                "IntegrationHttpMethod": "POST",
                "Type": "AWS_PROXY",
                "Uri": joined_arn("arn:", PARTITION, ":apigateway:", REGION,
                                  ":lambda:path/2015-03-31/functions/", build.target(name),
                                  "/invocations"),
            },
            "MethodResponses": [],
        },
        DependsOn=[permission],
    )  # fmt: skip
    _deployment(build)["DependsOn"].append(method_id)
    if settings["cors"].boolean(False):
        _preflight(build, tail, resource)
    source = joined_arn("arn:", PARTITION, ":execute-api:", REGION, ":", ACCOUNT, ":",
                        _REST_API, "/*/*")  # fmt: skip
    build.permit(permission, name, "apigateway.amazonaws.com", source)


def _authorization(place: Reading) -> str:
    if not place:
        return "NONE"
    if place.value in ("aws_iam", "AWS_IAM"):
        return "AWS_IAM"
    raise place.error("only authorizer aws_iam is translated")


def _part_id(part: str) -> str:
    """``{id}`` -> ``IdVar``, ``my-path`` -> ``MyDashpath``."""
    name = re.sub(r"\{(.+?)\+?\}", r"\1Var", part)
    name = name.replace("-", "Dash").replace("_", "Underscore")
    return upper_first(re.sub(r"[^0-9A-Za-z]", "", name))


def _path(build: Build, parts: list[str]) -> dict[str, Any]:
    """The resource of a path, with all above it; the root for an empty path."""
    if "ApiGatewayRestApi" not in build.resources:
        build.add(
            "ApiGatewayRestApi",
            "AWS::ApiGateway::RestApi",
            {
                "Name": f"{build.stage}-{build.service}",
                "EndpointConfiguration": {"Types": ["EDGE"]},
                "Policy": "",
            },
        )
    parent: dict[str, Any] = {"Fn::GetAtt": ["ApiGatewayRestApi", "RootResourceId"]}
    logical_id = "ApiGatewayResource"
    for part in parts:
        logical_id += _part_id(part)
        if logical_id not in build.resources:
            build.add(
                logical_id,
                "AWS::ApiGateway::Resource",
                {"ParentId": parent, "PathPart": part, "RestApiId": _REST_API},
            )
        parent = {"Ref": logical_id}
    return parent


def _deployment(build: Build) -> dict[str, Any]:
    logical_id = f"ApiGatewayDeployment{build.deployed_at_ms}"
    if logical_id not in build.resources:
        build.add(
            logical_id,
            "AWS::ApiGateway::Deployment",
            {"RestApiId": _REST_API, "StageName": build.stage},
            DependsOn=[],
        )
        host = joined_arn("https://", _REST_API, ".execute-api.", REGION, ".",
                          {"Ref": "AWS::URLSuffix"}, f"/{build.stage}")  # fmt: skip
        build.output("ServiceEndpoint", host, "URL of the service endpoint")
    found: dict[str, Any] = build.resources[logical_id]
    return found


def _preflight(build: Build, tail: str, resource: dict[str, Any]) -> None:
    """The OPTIONS method that answers a browser's preflight."""
    logical_id = f"ApiGatewayMethod{tail}Options"
    if logical_id in build.resources:
        return
    methods = "GET,POST,PUT,PATCH,DELETE,HEAD,OPTIONS"
    values = {
        "Access-Control-Allow-Origin": "'*'",
        "Access-Control-Allow-Headers": f"'{_CORS_HEADERS}'",
        "Access-Control-Allow-Methods": f"'{methods}'",
    }
    prefix = "method.response.header."
    build.add(
        logical_id,
        "AWS::ApiGateway::Method",
        {
            "AuthorizationType": "NONE",
            "HttpMethod": "OPTIONS",
            "MethodResponses": [
                {
                    "StatusCode": "200",
                    "ResponseParameters": {f"{prefix}{key}": True for key in values},
                    "ResponseModels": {},
                }
            ],
            "RequestParameters": {},
            "Integration": {
                "Type": "MOCK",
                "RequestTemplates": {"application/json": "{statusCode:200}"},
                "ContentHandling": "CONVERT_TO_TEXT",
                "IntegrationResponses": [
                    {
                        "StatusCode": "200",
                        "ResponseParameters": {f"{prefix}{k}": v for k, v in values.items()},
                        "ResponseTemplates": {"application/json": ""},
                    }
                ],
            },
            "ResourceId": resource,
            "RestApiId": _REST_API,
        },
    )
    _deployment(build)["DependsOn"].append(logical_id)


def add_http_api(build: Build, name: str, event: Reading) -> None:
    """One ``httpApi`` event: a route with its Lambda integration.

    Raises:
        ServiceFileError: no route, or an authorizer, which is not translated.
    """
    if isinstance(event.value, dict):
        event.check_keys("method", "path", "authorizer")
        if event["authorizer"]:
            raise event["authorizer"].error("authorizers of httpApi are not translated")
        path = event["path"].text() if event["path"] else "*"
        method = event["method"].text(rf"(?i:{_METHODS}|\*)", "an HTTP method").upper() if event["method"] else "*"  # fmt: skip
        key = "*" if path == "*" else f"{'ANY' if method == '*' else method} {path}"
    else:
        text = event.text(rf"\*|(?i:{_METHODS}|\*)\s+/\S*", "METHOD /path or *")
        key = text if text == "*" else " ".join(_route_parts(text))
    _http_api(build)
    stem = function_id(name)
    route = "$default" if key == "*" else key
    source = joined_arn("arn:", PARTITION, ":execute-api:", REGION, ":", ACCOUNT, ":",
                        _HTTP_API, "/*")  # fmt: skip
    build.permit(f"{stem}LambdaPermissionHttpApi", name, "apigateway.amazonaws.com", source)
    integration = f"HttpApiIntegration{stem}"
    build.add(
        integration,
        "AWS::ApiGatewayV2::Integration",
        {
            "ApiId": _HTTP_API,
            "IntegrationType": "AWS_PROXY",
            "IntegrationUri": build.target(name),
            "PayloadFormatVersion": "2.0",
            "TimeoutInMillis": 30_000,
        },
    )
    build.add(
        f"HttpApiRoute{_route_id(route)}",
        "AWS::ApiGatewayV2::Route",
        {
            "ApiId": _HTTP_API,
            "RouteKey": route,
            "Target": {"Fn::Join": ["/", ["integrations", {"Ref": integration}]]},
        },
        DependsOn=integration,
    )


def _route_parts(text: str) -> tuple[str, str]:
    method, path = text.split(None, 1)
    return ("ANY" if method == "*" else method.upper()), path


def _route_id(route: str) -> str:
    if route == "$default":
        return "Default"
    method, path = route.split(" ", 1)
    tail = "".join(_part_id(part) for part in path.split("/") if part)
    return upper_first(method.lower()) + tail


def _http_api(build: Build) -> None:
    if "HttpApi" in build.resources:
        return
    own = build.provider["httpApi"]["name"]
    called = own.text() if own else f"{build.stage}-{build.service}"
    properties: dict[str, Any] = {"Name": called, "ProtocolType": "HTTP"}
    if build.provider["httpApi"]["cors"].boolean(False):
        properties["CorsConfiguration"] = {
            "AllowOrigins": ["*"],
            "AllowHeaders": [*_CORS_HEADERS.split(",")],
            "AllowMethods": ["OPTIONS", "GET", "POST", "PUT", "DELETE", "PATCH"],
        }
    build.add("HttpApi", "AWS::ApiGatewayV2::Api", properties)
    build.add(
        "HttpApiStage",
        "AWS::ApiGatewayV2::Stage",
        {
            "ApiId": _HTTP_API,
            "StageName": "$default",
            "AutoDeploy": True,
            "DefaultRouteSettings": {"DetailedMetricsEnabled": False},
        },
    )
    url = joined_arn("https://", _HTTP_API, ".execute-api.", REGION, ".", {"Ref": "AWS::URLSuffix"})
    build.output("HttpApiId", _HTTP_API, "Id of the HTTP API")
    build.output("HttpApiUrl", url, "URL of the HTTP API")
