// One session as PHP 8.2 and igbinary 3.2 wrote it: `$s = ['user' => 42, …]; $s['ref'] = &$s['user'];`, with an object that holds itself.
export const PHP_SAMPLES = {
  serialize:
    'YToxMTp7czo0OiJ1c2VyIjtpOjQyO3M6NDoibmFtZSI7czo0OiJab8OrIjtzOjE6ImYiO2Q6MS41O3M6MToiYiI7YTozOntpOjA7YjoxO2k6MTtiOjA7aToyO047fXM6MToibyI7Tzo4OiJzdGRDbGFzcyI6MTp7czoxOiJhIjthOjI6e2k6MDtpOjE7aToxO2k6Mjt9fXM6NToiYWdhaW4iO3I6OTtzOjE6InAiO086MToiUCI6Mzp7czo0OiIAUAB1IjtzOjM6ImJvYiI7czo0OiIAKgB2IjthOjE6e2k6MDtpOjM7fXM6NDoic2VsZiI7cjoxNDt9czozOiJuZWciO2k6LTcwMDAwO3M6MzoiYmlnIjtpOjkyMjMzNzIwMzY4NTQ3NzU4MDc7czo0OiJzYW1lIjtzOjQ6Ilpvw6siO3M6MzoicmVmIjtSOjI7fQ==',
  igbinary:
    'AAAAAhQLEQR1c2VyJQYqEQRuYW1lEQRab8OrEQFmDD/4AAAAAAAAEQFiFAMGAAUGAQQGAgARAW8XCHN0ZENsYXNzFAERAWEUAgYABgEGAQYCEQVhZ2FpbiIDEQFwFwFQFAMRBABQAHURA2JvYhEEACoAdhQBBgAGAxEEc2VsZiIFEQNuZWcLAAERcBEDYmlnIH//////////EQRzYW1lDgIRA3JlZiUBAQ==',
} as const;
