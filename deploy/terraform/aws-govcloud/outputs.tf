output "bootstrap_peers" {
  description = "For network.bootstrap_peers of every node.toml."
  value       = [for name, machine in aws_instance.validator : "/ip4/${machine.private_ip}/udp/9001/quic-v1/p2p/${name}"]
}

output "bucket" {
  description = "Releases and backups."
  value       = aws_s3_bucket.validator.id
}

output "backup_endpoint" {
  description = "The FIPS endpoint of the bucket."
  value       = "https://s3-fips.${var.region}.amazonaws.com"
}

output "machines" {
  description = "For aws ssm start-session --target."
  value       = { for name, machine in aws_instance.validator : name => machine.id }
}
