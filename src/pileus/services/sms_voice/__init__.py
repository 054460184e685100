"""AWS End User Messaging SMS (``pinpoint-sms-voice-v2``): numbers, texts out and in."""
