"""A template with what a deployment tool sets up once per account: assets' bucket and registry,
roles, a version parameter. The shape of what ``cdk bootstrap`` deploys."""

from __future__ import annotations

import orjson

from pileus.testing.platform import MemoryPlatform

TEMPLATE = {
    "Parameters": {
        "Qualifier": {"Type": "String", "Default": "hnb659fds"},
        "FileAssetsBucketKmsKeyId": {"Type": "String", "Default": "AWS_MANAGED_KEY"},
        "ContainerAssetsRepositoryName": {"Type": "String", "Default": ""},
        "TrustedAccounts": {"Type": "CommaDelimitedList", "Default": ""},
    },
    "Conditions": {
        "CreateNewKey": {"Fn::Equals": ["", {"Ref": "FileAssetsBucketKmsKeyId"}]},
        "HasCustomName": {
            "Fn::Not": [{"Fn::Equals": ["", {"Ref": "ContainerAssetsRepositoryName"}]}]
        },
        "HasTrustedAccounts": {
            "Fn::Not": [{"Fn::Equals": ["", {"Fn::Join": ["", {"Ref": "TrustedAccounts"}]}]}]
        },
    },
    "Resources": {
        "AssetsKey": {
            "Type": "AWS::KMS::Key",
            "Condition": "CreateNewKey",
            "Properties": {"KeyPolicy": {"Version": "2012-10-17", "Statement": []}},
        },
        "StagingBucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": {
                    "Fn::Sub": "cdk-${Qualifier}-assets-${AWS::AccountId}-${AWS::Region}"
                },
                "AccessControl": "Private",
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
                    ]
                },
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "VersioningConfiguration": {"Status": "Enabled"},
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "CleanupOldVersions",
                            "Status": "Enabled",
                            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                        }
                    ]
                },
            },
            "UpdateReplacePolicy": "Retain",
            "DeletionPolicy": "Retain",
        },
        "StagingBucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "StagingBucket"},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "AllowSSLRequestsOnly",
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": [{"Fn::GetAtt": ["StagingBucket", "Arn"]}],
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ],
                },
            },
        },
        "ContainerAssetsRepository": {
            "Type": "AWS::ECR::Repository",
            "Properties": {
                "ImageTagMutability": "IMMUTABLE",
                "LifecyclePolicy": {
                    "LifecyclePolicyText": orjson.dumps(
                        {
                            "rules": [
                                {
                                    "rulePriority": 1,
                                    "description": "Untagged images should not exist",
                                    "selection": {
                                        "tagStatus": "untagged",
                                        "countType": "sinceImagePushed",
                                        "countUnit": "days",
                                        "countNumber": 365,
                                    },
                                    "action": {"type": "expire"},
                                }
                            ]
                        }
                    ).decode()
                },
                "RepositoryName": {
                    "Fn::If": [
                        "HasCustomName",
                        {"Ref": "ContainerAssetsRepositoryName"},
                        {
                            "Fn::Sub": "cdk-${Qualifier}-container-assets-${AWS::AccountId}-${AWS::Region}"
                        },
                    ]
                },
                "RepositoryPolicyText": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "LambdaECRImageRetrievalPolicy",
                            "Effect": "Allow",
                            "Principal": {"Service": "lambda.amazonaws.com"},
                            "Action": ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"],
                        }
                    ],
                },
            },
        },
        "ImagePublishingRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sts:AssumeRole",
                            "Principal": {"AWS": {"Ref": "AWS::AccountId"}},
                        },
                        {
                            "Fn::If": [
                                "HasTrustedAccounts",
                                {
                                    "Effect": "Allow",
                                    "Action": "sts:AssumeRole",
                                    "Principal": {"AWS": {"Ref": "TrustedAccounts"}},
                                },
                                {"Ref": "AWS::NoValue"},
                            ]
                        },
                    ],
                },
                "RoleName": {
                    "Fn::Sub": "cdk-${Qualifier}-image-publishing-role-${AWS::AccountId}-${AWS::Region}"
                },
                "Tags": [{"Key": "aws-cdk:bootstrap-role", "Value": "image-publishing"}],
            },
        },
        "ImagePublishingRoleDefaultPolicy": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["ecr:PutImage"],
                            "Resource": {"Fn::GetAtt": ["ContainerAssetsRepository", "Arn"]},
                        },
                        {
                            "Effect": "Allow",
                            "Action": ["ecr:GetAuthorizationToken"],
                            "Resource": "*",
                        },
                    ],
                },
                "Roles": [{"Ref": "ImagePublishingRole"}],
                "PolicyName": {
                    "Fn::Sub": "cdk-${Qualifier}-image-publishing-role-default-policy-${AWS::AccountId}-${AWS::Region}"
                },
            },
        },
        "CdkBootstrapVersion": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {
                "Type": "String",
                "Name": {"Fn::Sub": "/cdk-bootstrap/${Qualifier}/version"},
                "Value": "28",
            },
        },
    },
    "Outputs": {
        "BucketDomainName": {
            "Value": {"Fn::Sub": "${StagingBucket.RegionalDomainName}"},
        },
        "ImageRepositoryName": {"Value": {"Fn::Sub": "${ContainerAssetsRepository}"}},
        "BootstrapVersion": {"Value": {"Fn::GetAtt": ["CdkBootstrapVersion", "Value"]}},
    },
}
NAME = "cdk-hnb659fds-container-assets-000000000000-us-east-1"


async def test_the_toolkit_stack_comes_up_and_goes(memory_platform: MemoryPlatform) -> None:
    given = {"StackName": "CDKToolkit", "Capabilities": ["CAPABILITY_NAMED_IAM"]}
    body = orjson.dumps(TEMPLATE).decode()
    await memory_platform("cloudformation", "CreateStack", **given, TemplateBody=body)
    await memory_platform.clock.advance(60_000)
    (stack,) = (await memory_platform("cloudformation", "DescribeStacks", StackName="CDKToolkit"))[
        "Stacks"
    ]
    assert stack["StackStatus"] == "CREATE_COMPLETE", stack
    outputs = {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}
    assert outputs["ImageRepositoryName"] == NAME
    assert outputs["BootstrapVersion"] == "28"
    found = await memory_platform("ecr", "DescribeRepositories", repositoryNames=[NAME])
    assert found["repositories"][0]["imageTagMutability"] == "IMMUTABLE"
    policy = await memory_platform("ecr", "GetLifecyclePolicy", repositoryName=NAME)
    assert "Untagged images" in policy["lifecyclePolicyText"]
    await memory_platform("cloudformation", "DeleteStack", StackName="CDKToolkit")
    await memory_platform.clock.advance(60_000)
    assert (await memory_platform("ecr", "DescribeRepositories"))["repositories"] == []
