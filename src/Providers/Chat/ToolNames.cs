using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Evergrain.Conversations.Ids;
using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Chat;

/// <summary>
/// The one name that a chat-completions server knows a tool by: a pure function of namespace and name, so that a call
/// in the history and the tool that is offered agree without knowing of each other.
/// </summary>
internal static class ToolNames
{
    // Source: OpenAI's chat-completions reference, FunctionObject.name; other servers take no less.
    private const int CharsMax = 64;

    // 47 bits: two tools of one create do not meet by chance.
    private const int HashChars = 8;

    private static readonly SearchValues<char> Safe =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-");

    /// <summary>
    /// <c>name</c> or <c>namespace__name</c> where that is 1 to 64 of the characters <c>a-zA-Z0-9_-</c>; else its
    /// beginning made safe, and a hash of the whole.
    /// </summary>
    public static string Flat(string? space, string name)
    {
        var full = string.IsNullOrEmpty(space) ? name : $"{space}__{name}";
        return full.Length is > 0 and <= CharsMax && !full.AsSpan().ContainsAnyExcept(Safe)
            ? full
            : Shortened(full, string.IsNullOrEmpty(space) ? name : $"{space}\0{name}");
    }

    /// <summary>The id of a call at a server: its own, or as many letters and digits as the server takes.</summary>
    public static string CallId(string id, Dialect dialect)
    {
        if (dialect.CallIdLength == 0 || (id.Length == dialect.CallIdLength && id.All(char.IsAsciiLetterOrDigit)))
        {
            return id;
        }

        var code = Base62.Format(BinaryPrimitives.ReadUInt128BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(id))));
        return code[^dialect.CallIdLength..];
    }

    private static string Shortened(string full, string whole)
    {
        var shortened = new StringBuilder(CharsMax);
        foreach (var c in full.AsSpan(0, Math.Min(full.Length, CharsMax - HashChars - 1)))
        {
            shortened.Append(Safe.Contains(c) ? c : '_');
        }

        var hash = SHA256.HashData(Encoding.UTF8.GetBytes(whole));
        var code = Base62.Format(BinaryPrimitives.ReadUInt128BigEndian(hash));
        return shortened.Append('_').Append(code.AsSpan(code.Length - HashChars)).ToString();
    }
}
