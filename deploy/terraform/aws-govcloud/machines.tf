# Each machine has a role of its own: it reads releases, and reads and writes its own backups, which it cannot delete.
data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "machine" {
  for_each = var.members

  statement {
    sid       = "Releases"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.validator.arn}/releases/*"]
  }

  statement {
    sid       = "OwnBackups"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${aws_s3_bucket.validator.arn}/backups/${each.key}/*"]
  }

  statement {
    sid       = "ListOwnBackups"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.validator.arn]

    condition {
      test     = "StringLike"
      variable = "s3:prefix"
      values   = ["backups/${each.key}/*"]
    }
  }

  statement {
    sid       = "BucketKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [aws_kms_key.validator.arn]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com"]
    }
  }

  # What sessions need of AmazonSSMManagedInstanceCore; not its right to read all parameters.
  statement {
    sid = "Sessions"
    actions = [
      "ssm:UpdateInstanceInformation", "ssmmessages:CreateControlChannel", "ssmmessages:CreateDataChannel",
      "ssmmessages:OpenControlChannel", "ssmmessages:OpenDataChannel",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "machine" {
  for_each           = var.members
  name               = "validator-${var.network}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
}

resource "aws_iam_role_policy" "machine" {
  for_each = var.members
  role     = aws_iam_role.machine[each.key].id
  policy   = data.aws_iam_policy_document.machine[each.key].json
}

resource "aws_iam_instance_profile" "machine" {
  for_each = var.members
  name     = aws_iam_role.machine[each.key].name
  role     = aws_iam_role.machine[each.key].name
}

# Of one zone on different hosts.
resource "aws_placement_group" "spread" {
  name     = "validator-${var.network}"
  strategy = "spread"
}

resource "aws_instance" "validator" {
  for_each               = var.members
  ami                    = var.image_id
  instance_type          = var.instance_type
  subnet_id              = aws_subnet.zone[each.value.zone].id
  vpc_security_group_ids = [aws_security_group.validator.id]
  iam_instance_profile   = aws_iam_instance_profile.machine[each.key].name
  placement_group        = aws_placement_group.spread.name
  tags                   = { Name = "validator-${each.key}" }

  # Keys and genesis are brought by the operator: what Terraform knows lies readable in its state.
  user_data = templatefile("${path.module}/first-boot.sh.tftpl", {
    bucket  = aws_s3_bucket.validator.id
    package = var.package
    region  = var.region
    volume  = replace(aws_ebs_volume.data[each.key].id, "-", "")
  })

  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }

  root_block_device {
    encrypted   = true
    kms_key_id  = aws_kms_key.validator.arn
    volume_size = 20
    volume_type = "gp3"
  }

  # A newer image or script is for new machines: a running one is changed by its operator, one at a time.
  lifecycle {
    ignore_changes = [ami, user_data]
  }
}

resource "aws_volume_attachment" "data" {
  for_each    = var.members
  device_name = "/dev/sdf"
  volume_id   = aws_ebs_volume.data[each.key].id
  instance_id = aws_instance.validator[each.key].id
}
