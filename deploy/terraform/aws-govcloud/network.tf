data "aws_availability_zones" "here" {
  state = "available"
}

resource "aws_vpc" "validator" {
  cidr_block           = var.vpc_cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
}

# The default group lets its members talk to each other: emptied.
resource "aws_default_security_group" "none" {
  vpc_id = aws_vpc.validator.id
}

resource "aws_subnet" "zone" {
  count             = 3
  vpc_id            = aws_vpc.validator.id
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, count.index)
  availability_zone = element(data.aws_availability_zones.here.names, count.index)
}

# There is no way to the internet. Validators elsewhere are reached by a transit gateway or a peering, whose routes belong in this table.
resource "aws_route_table" "private" {
  vpc_id = aws_vpc.validator.id
}

resource "aws_route_table_association" "zone" {
  count          = 3
  subnet_id      = aws_subnet.zone[count.index].id
  route_table_id = aws_route_table.private.id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.validator.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]
}

# Sessions on the machines, instead of SSH.
resource "aws_vpc_endpoint" "ssm" {
  for_each            = toset(["ssm", "ssmmessages", "ec2messages"])
  vpc_id              = aws_vpc.validator.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.zone[*].id
  security_group_ids  = [aws_security_group.endpoints.id]
}

resource "aws_security_group" "endpoints" {
  name_prefix = "validator-endpoints-"
  description = "Endpoints of AWS, from the validators"
  vpc_id      = aws_vpc.validator.id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id            = aws_security_group.endpoints.id
  referenced_security_group_id = aws_security_group.validator.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

# QUIC with the other members and nothing else in; out, that and AWS' own endpoints. API and metrics stay on loopback.
resource "aws_security_group" "validator" {
  name_prefix = "validator-"
  description = "Validators"
  vpc_id      = aws_vpc.validator.id
}

resource "aws_vpc_security_group_ingress_rule" "members" {
  security_group_id            = aws_security_group.validator.id
  referenced_security_group_id = aws_security_group.validator.id
  ip_protocol                  = "udp"
  from_port                    = 9001
  to_port                      = 9001
}

resource "aws_vpc_security_group_egress_rule" "members" {
  security_group_id            = aws_security_group.validator.id
  referenced_security_group_id = aws_security_group.validator.id
  ip_protocol                  = "udp"
  from_port                    = 9001
  to_port                      = 9001
}

resource "aws_vpc_security_group_ingress_rule" "peers" {
  for_each          = toset(var.peer_networks)
  security_group_id = aws_security_group.validator.id
  cidr_ipv4         = each.key
  ip_protocol       = "udp"
  from_port         = 9001
  to_port           = 9001
}

resource "aws_vpc_security_group_egress_rule" "peers" {
  for_each          = toset(var.peer_networks)
  security_group_id = aws_security_group.validator.id
  cidr_ipv4         = each.key
  ip_protocol       = "udp"
  from_port         = 9001
  to_port           = 9001
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  security_group_id            = aws_security_group.validator.id
  referenced_security_group_id = aws_security_group.endpoints.id
  ip_protocol                  = "tcp"
  from_port                    = 443
  to_port                      = 443
}

resource "aws_vpc_security_group_egress_rule" "s3" {
  security_group_id = aws_security_group.validator.id
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}
