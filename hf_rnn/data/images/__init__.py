"""Pictures in folders, a folder a class: found, read, distorted, and paired."""
