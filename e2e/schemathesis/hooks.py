"""Lets some requests name what exists, so that not every one of them is refused."""

import os

import schemathesis

USER = os.environ.get("TARGET_USER", "")
PASSWORD = os.environ.get("PASSWORD", "")


def is_lucky(value):
    return isinstance(value, str) and len(value) % 2 == 0


@schemathesis.hook
def map_body(context, body):
    path = context.operation.path
    if not isinstance(body, dict):
        return body
    if USER and path != "/api/auth/admin/remove-user" and is_lucky(body.get("userId")):
        return {**body, "userId": USER}
    if PASSWORD and path == "/api/auth/verify-password" and is_lucky(body.get("password")):
        return {**body, "password": PASSWORD}
    return body


@schemathesis.hook
def map_query(context, query):
    if USER and isinstance(query, dict) and is_lucky(query.get("id")):
        return {**query, "id": USER}
    return query
