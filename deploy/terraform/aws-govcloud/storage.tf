data "aws_caller_identity" "here" {}

# One key for disks and bucket. Who may use it is said by the roles.
resource "aws_kms_key" "validator" {
  description             = "Disks and backups of validators"
  enable_key_rotation     = true
  deletion_window_in_days = 30
}

resource "aws_ebs_volume" "data" {
  for_each          = var.members
  availability_zone = aws_subnet.zone[each.value.zone].availability_zone
  size              = var.data_gb
  type              = "gp3"
  encrypted         = true
  kms_key_id        = aws_kms_key.validator.arn
  tags              = { Name = "validator-${each.key}" }

  # A lost vote store makes its validator follow for two epochs: nobody removes it by an apply.
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket" "validator" {
  bucket = "validator-${var.network}-${data.aws_caller_identity.here.account_id}"
}

resource "aws_s3_bucket_public_access_block" "validator" {
  bucket                  = aws_s3_bucket.validator.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "validator" {
  bucket = aws_s3_bucket.validator.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "validator" {
  bucket = aws_s3_bucket.validator.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "validator" {
  bucket = aws_s3_bucket.validator.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.validator.arn
    }
  }
}

resource "aws_s3_bucket_policy" "validator" {
  bucket = aws_s3_bucket.validator.id
  policy = data.aws_iam_policy_document.bucket.json

  depends_on = [aws_s3_bucket_public_access_block.validator]
}

data "aws_iam_policy_document" "bucket" {
  statement {
    sid       = "OnlyTls12AndLater"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.validator.arn, "${aws_s3_bucket.validator.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "NumericLessThan"
      variable = "s3:TlsVersion"
      values   = ["1.2"]
    }
  }

  statement {
    sid       = "OnlyTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.validator.arn, "${aws_s3_bucket.validator.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}
