namespace Evergrain.Providers.Servers;

/// <summary>
/// Errors of a server that are about this server's key. Their words are not for clients: some repeat the key.
/// </summary>
/// <remarks>
/// Sources: OpenAI, vLLM, Anthropic and LiteLLM, whose words for a wrong key hold parts of it. They come with status
/// 401, with 400, or within a stream.
/// </remarks>
internal static class KeyFault
{
    /// <summary>What a client is told instead.</summary>
    public const string Message =
        "The model server did not let this server in; its operator has to look at the key.";

    /// <summary>Whether an error's code or type says so.</summary>
    public static bool IsNamed(string? code, string? type) => IsOne(code) || IsOne(type);

    private static bool IsOne(string? word) => word is "401" or "403" or "invalid_api_key" or "authentication_error" or
        "permission_error" or "auth_error" or "AuthenticationError";
}
