using System.Globalization;
using Evergrain.Conversations.Ports;
using Npgsql;

namespace Evergrain.Providers.Postgres;

/// <summary>
/// Reads the journal's URL, in the form that libpq takes:
/// <c>postgres://user:password@host:port/database?sslmode=require</c>. Reserved characters are percent-encoded, an IPv6
/// address stands in brackets, and a directory of Unix sockets is given as <c>?host=/directory</c>. What is not a URL
/// is taken for a connection string of Npgsql (<c>Host=…;Username=…</c>).
/// </summary>
/// <remarks>
/// Source: PostgreSQL's documentation, section 34.1.1.2. A refusal names the part that is wrong, never what stands
/// there: it could be a piece of a password. Without a password Npgsql looks at <c>PGPASSWORD</c> and <c>.pgpass</c>.
/// </remarks>
internal static class PostgresUrl
{
    private static readonly string[] Schemes = ["postgres://", "postgresql://"];

    /// <summary>Npgsql's settings for a URL.</summary>
    /// <exception cref="JournalUnavailableException">A part of it is wrong.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string url)
    {
        var scheme = Array.Find(Schemes, s => url.StartsWith(s, StringComparison.OrdinalIgnoreCase));
        var settings = scheme is null ? ParseSettings(url) : ParseUrl(url[scheme.Length..]);
        if (string.IsNullOrEmpty(settings.Host))
        {
            throw Wrong("host", "is missing");
        }

        // As libpq does: who starts the program, and a database of the user's name.
        settings.Username ??= Environment.GetEnvironmentVariable("PGUSER") ?? Environment.UserName;
        settings.Database ??= settings.Username;
        return settings;
    }

    /// <summary>The same place, for sessions that the server lets write nothing.</summary>
    public static string ReadOnly(string url)
    {
        var settings = Parse(url);
        settings.Options = $"{settings.Options} -c default_transaction_read_only=on".Trim();
        return settings.ToString();
    }

    /// <summary>Where settings lead to, as far as it may be printed.</summary>
    public static PostgresPlace PlaceOf(NpgsqlConnectionStringBuilder settings) => new(
        settings.Host!.StartsWith('/') ? settings.Host : $"{settings.Host}:{settings.Port}",
        settings.Database!, settings.Username!);

    private static NpgsqlConnectionStringBuilder ParseSettings(string text)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            // Its own message may quote what stands behind an unquoted ';' of a password.
            throw new JournalUnavailableException(
                "The journal's URL is neither postgres://user:password@host/database nor a connection string that " +
                "Npgsql takes: correct it, and quote values that hold ';' or '='.");
        }
    }

    private static NpgsqlConnectionStringBuilder ParseUrl(string rest)
    {
        var settings = new NpgsqlConnectionStringBuilder();
        var query = rest.IndexOf('?', StringComparison.Ordinal);
        var path = rest.IndexOf('/', StringComparison.Ordinal);
        var end = Math.Min(query < 0 ? rest.Length : query, path < 0 ? rest.Length : path);
        if (rest.AsSpan(end).Contains('@'))
        {
            throw Wrong("user or password", "holds a '/', '?' or '@' that is not percent-encoded");
        }

        ReadAuthority(rest[..end], settings);
        var database = rest[end..(query < 0 ? rest.Length : query)].TrimStart('/');
        settings.Database = database.Length > 0 ? Decode("database", database) : null;
        if (query >= 0)
        {
            ReadQuery(rest[(query + 1)..], settings);
        }

        return settings;
    }

    private static void ReadAuthority(string authority, NpgsqlConnectionStringBuilder settings)
    {
        var at = authority.LastIndexOf('@');
        if (at >= 0)
        {
            var user = authority[..at].Split(':', 2);
            settings.Username = user[0].Length > 0 ? Decode("user", user[0]) : null;
            settings.Password = user.Length > 1 ? Decode("password", user[1]) : null;
        }

        var host = authority[(at + 1)..];
        var bracket = host.LastIndexOf(']');
        if (host.StartsWith('[') && bracket < 0)
        {
            throw Wrong("host", "has no ']' behind its IPv6 address");
        }

        var colon = host.IndexOf(':', Math.Max(bracket, 0));
        if (colon >= 0)
        {
            settings.Port = ParseNumber("port", host[(colon + 1)..], 65_535);
            host = host[..colon];
        }

        settings.Host = Decode("host", host.Trim('[', ']'));
    }

    private static void ReadQuery(string query, NpgsqlConnectionStringBuilder settings)
    {
        foreach (var pair in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=', StringComparison.Ordinal);
            var name = equals < 0 ? pair : pair[..equals];
            var value = equals < 0 ? "" : Decode("value of a word behind '?'", pair[(equals + 1)..]);
            Set(settings, name, value);
        }
    }

    private static void Set(NpgsqlConnectionStringBuilder settings, string name, string value)
    {
        switch (name)
        {
            case "host": settings.Host = value; break;
            case "port": settings.Port = ParseNumber("port", value, 65_535); break;
            case "user": settings.Username = value; break;
            case "password": settings.Password = value; break;
            case "dbname": settings.Database = value; break;
            case "application_name": settings.ApplicationName = value; break;
            case "connect_timeout": settings.Timeout = ParseNumber(name, value, 1_024); break;
            case "sslmode": settings.SslMode = ParseSslMode(value); break;
            case "sslrootcert": settings.RootCertificate = value; break;
            case "sslcert": settings.SslCertificate = value; break;
            case "sslkey": settings.SslKey = value; break;
            default:
                throw Wrong("part behind '?'", "holds a word other than host, port, user, password, dbname, " +
                    "application_name, connect_timeout, sslmode, sslrootcert, sslcert, sslkey");
        }
    }

    private static SslMode ParseSslMode(string value) => value switch
    {
        "disable" => SslMode.Disable,
        "allow" => SslMode.Allow,
        "prefer" => SslMode.Prefer,
        "require" => SslMode.Require,
        "verify-ca" => SslMode.VerifyCA,
        "verify-full" => SslMode.VerifyFull,
        _ => throw Wrong("sslmode", "is none of disable, allow, prefer, require, verify-ca, verify-full"),
    };

    private static int ParseNumber(string part, string text, int max) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 &&
        number <= max ? number : throw Wrong(part, $"is no number from 1 to {max}");

    private static string Decode(string part, string text)
    {
        for (var at = text.IndexOf('%', StringComparison.Ordinal); at >= 0; at = text.IndexOf('%', at + 1))
        {
            if (at + 2 >= text.Length || !char.IsAsciiHexDigit(text[at + 1]) || !char.IsAsciiHexDigit(text[at + 2]))
            {
                throw Wrong(part, "holds a '%' without two hexadecimal digits: write it as %25");
            }
        }

        return Uri.UnescapeDataString(text);
    }

    private static JournalUnavailableException Wrong(string part, string what) =>
        new($"The {part} of the journal's URL {what}: it is postgres://user:password@host:port/database.");
}
