using System.ComponentModel.DataAnnotations;
using System.Reflection;
using System.Text.RegularExpressions;
using Evergrain.Providers.Dialects;

namespace Evergrain.Providers.Servers;

/// <summary>Finds every mistake in a list of servers. What it says names the value, never a key.</summary>
internal sealed partial class ModelServerRules
{
    // Each server has a connection pool and a loop of its own; a team's models are dozens.
    private const int ServersMax = 64;
    private const int UrlsMax = 16;
    private const int ModelsMax = 256;

    // Tokens of identity providers are longer than keys; servers take headers of 8 KB in all.
    private const int KeyCharsMax = 4_096;

    private static readonly string[] Endpoints = ["/chat/completions", "/responses"];

    private readonly List<string> _mistakes = [];
    private string _server = "";
    private string _api = "";

    public static IReadOnlyList<string> Check(IReadOnlyList<CheckedServer> servers)
    {
        var rules = new ModelServerRules();
        rules.CheckAll(servers);
        return rules._mistakes;
    }

    private void CheckAll(IReadOnlyList<CheckedServer> servers)
    {
        _server = "ModelServers";
        Expect(servers.Count <= ServersMax, $"{servers.Count} servers, at most {ServersMax}.");
        var names = new HashSet<string>(StringComparer.Ordinal);
        var models = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var one in servers.Where(static one => one.IsRead))
        {
            var server = one.Server;
            _server = one.Place;
            _api = one.IsSingle ? "--model-api" : "Api";
            Expect(NamePattern().IsMatch(server.Name),
                $"Name '{server.Name}' must be 1 to 64 letters, digits, dots, dashes or underscores.");
            Expect(names.Add(server.Name), $"Name '{server.Name}' is taken by another server; give it its own.");
            CheckRanges(server, "");
            CheckRanges(server.DialectEntries, "DialectEntries: ");
            Expect(server.BackOffMin <= server.BackOffMax,
                $"BackOffMin is {server.BackOffMin}, but must not exceed BackOffMax, {server.BackOffMax}.");
            CheckModels(server, models);
            CheckUrls(server);
            CheckApi(server);
            CheckDialect(server);
            CheckKey(server);
        }
    }

    private void CheckRanges(object options, string place)
    {
        foreach (var property in options.GetType().GetProperties())
        {
            if (property.GetCustomAttribute<RangeAttribute>() is { } range)
            {
                var value = property.GetValue(options);
                Expect(range.IsValid(value),
                    $"{place}{property.Name} is {value}, but must be {range.Minimum} to {range.Maximum}.");
            }
        }
    }

    private void CheckModels(ModelServerOptions server, Dictionary<string, string> models)
    {
        Expect(server.Models.Count <= ModelsMax, $"{server.Models.Count} Models, at most {ModelsMax}.");
        foreach (var model in server.Models)
        {
            Expect(ModelNames.IsName(model),
                $"Models: '{model}' must be 1 to {ModelNames.CharsMax} characters without spaces.");
            Expect(ModelNames.IsPattern(model) || models.TryAdd(model, server.Name) || models[model] == server.Name,
                $"Models: '{model}' is served by '{models.GetValueOrDefault(model)}' already; name it once.");
        }
    }

    private void CheckUrls(ModelServerOptions server)
    {
        Expect(server.Urls.Count is > 0 and <= UrlsMax,
            $"{server.Urls.Count} Urls, but must have 1 to {UrlsMax}, such as http://127.0.0.1:8000/v1.");
        foreach (var url in server.Urls)
        {
            var isUri = Uri.TryCreate(url, UriKind.Absolute, out var uri);

            // It may hold a password or a key, so it is not repeated.
            var shown = url.AsSpan().ContainsAny("@?#") ? "one" : $"'{url}'";
            Expect(isUri && (uri!.Scheme == Uri.UriSchemeHttp || uri.Scheme == Uri.UriSchemeHttps),
                $"Urls: {shown} is not an absolute http or https URL, such as http://127.0.0.1:8000/v1.");
            Expect(!isUri || uri!.UserInfo.Length == 0,
                "Urls: one holds user info, which is not sent; name the key's variable in KeyEnvironment.");
            Expect(!isUri || Array.TrueForAll(Endpoints, end => !HasEnd(uri!, end)),
                $"Urls: {shown} must be what comes before /chat/completions or /responses; leave that out.");
            Expect(!isUri || (uri!.Query.Length == 0 && uri.Fragment.Length == 0),
                $"Urls: {shown} must end with its path; leave out what begins with '?' or '#'.");
        }

        var distinct = server.Urls.Select(static url => url.TrimEnd('/')).Distinct(StringComparer.Ordinal).Count();
        Expect(distinct == server.Urls.Count, "Urls: one is there twice; leave it out.");
    }

    private static bool HasEnd(Uri url, string end) =>
        url.AbsolutePath.TrimEnd('/').EndsWith(end, StringComparison.OrdinalIgnoreCase);

    private void CheckApi(ModelServerOptions server)
    {
        var names = string.Join(" or ", ModelApis.Names);
        Expect(server.Api.Length > 0, $"{_api} is missing: {names}.");
        Expect(server.Api.Length == 0 || ModelApis.Names.Contains(server.Api, StringComparer.Ordinal),
            $"Api '{server.Api}' must be {names}.");
        Expect(server.ReasoningField is null or "reasoning_content" or "reasoning",
            $"ReasoningField '{server.ReasoningField}' must be reasoning_content or reasoning, or be left out.");
        Expect(server.OutputLimitField is null or "max_tokens" or "max_completion_tokens",
            $"OutputLimitField '{server.OutputLimitField}' must be max_tokens or max_completion_tokens.");
    }

    private void CheckDialect(ModelServerOptions server)
    {
        Expect(server.Dialect is null || KnownDialects.Find(server.Dialect) is not null,
            $"Dialect '{server.Dialect}' must be one of {string.Join(", ", KnownDialects.Names)}, or be left out.");
        Expect(server.Api != ModelApis.Responses || (server.Dialect is null && DialectChanges.AreNone(server)),
            "Dialect, DialectEntries, ReasoningField and OutputLimitField are for servers of the API chat; " +
            "leave them out.");
        foreach (var mistake in DialectChanges.MistakesOf(server.DialectEntries))
        {
            Expect(false, $"DialectEntries: {mistake}");
        }
    }

    private void CheckKey(ModelServerOptions server)
    {
        Expect(server.KeyEnvironment is null || server.Key is not null,
            $"KeyEnvironment: the environment variable '{server.KeyEnvironment}' is not set; set it, or leave " +
            "KeyEnvironment out.");
        Expect(server.Key is null || (server.Key.Length is > 0 and <= KeyCharsMax &&
            !server.Key.AsSpan().ContainsAnyExceptInRange('!', '~')),
            $"its key must be 1 to {KeyCharsMax} visible ASCII characters, without spaces and line breaks.");
    }

    private void Expect(bool holds, string otherwise)
    {
        if (!holds)
        {
            _mistakes.Add($"{_server}: {otherwise}");
        }
    }

    [GeneratedRegex(@"\A[A-Za-z0-9._-]{1,64}\z", RegexOptions.NonBacktracking)]
    private static partial Regex NamePattern();
}

/// <summary>One server, and what a mistake in it begins with.</summary>
/// <param name="Place">Where it stands.</param>
/// <param name="Server">The server.</param>
/// <param name="IsRead">Whether all of it could be read; otherwise the other checks would accuse it falsely.</param>
internal sealed record CheckedServer(string Place, ModelServerOptions Server, bool IsRead = true)
{
    /// <summary>Whether it is the one of the command line.</summary>
    public bool IsSingle { get; init; }
}
