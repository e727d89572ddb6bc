using System.Text.RegularExpressions;

namespace Evergrain.Providers.Dialects;

/// <summary>The dialects that a URL's host gives away.</summary>
internal static partial class DialectHosts
{
    /// <summary>The dialect's name; null where the host may be anything.</summary>
    public static string? Find(string url)
    {
        var host = Uri.TryCreate(url, UriKind.Absolute, out var uri) ? uri.IdnHost.ToLowerInvariant() : "";
        return host switch
        {
            "api.openai.com" or "us.api.openai.com" or "eu.api.openai.com" => "openai",
            "openrouter.ai" => "openrouter",
            "api.mistral.ai" or "codestral.mistral.ai" => "mistral",
            "generativelanguage.googleapis.com" => "gemini",
            "api.groq.com" => "groq",
            "api.deepseek.com" => "deepseek",
            _ when host.EndsWith(".openai.azure.com", StringComparison.Ordinal) ||
                host.EndsWith(".services.ai.azure.com", StringComparison.Ordinal) => "azure",
            _ when Bedrock().IsMatch(host) => "bedrock",
            _ => null,
        };
    }

    [GeneratedRegex(@"\Abedrock-(runtime\.[a-z0-9-]+\.amazonaws\.com|mantle\.[a-z0-9-]+\.api\.aws)\z",
        RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex Bedrock();
}
