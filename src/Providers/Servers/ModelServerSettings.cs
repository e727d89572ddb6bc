using System.Security.Cryptography;
using System.Text;
using Evergrain.Providers.Dialects;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Evergrain.Providers.Servers;

/// <summary>Reads the servers out of a configuration, and says everything that is wrong with them at once.</summary>
internal static class ModelServerSettings
{
    private const string Url = "Evergrain:ModelUrl";
    private const string Api = "Evergrain:ModelApi";
    private const string Key = "Evergrain:ModelKey";
    private const string Rest = ModelServerOptions.SingleSection;

    private const int NameCharsMax = 64;
    private const int NameHashChars = 16;

    public static bool Exist(IConfiguration configuration) =>
        configuration[Url] is not null || configuration.GetSection(ModelServerOptions.Section).GetChildren().Any();

    /// <summary>Reads the list, or the one server that stands for it.</summary>
    /// <exception cref="OptionsValidationException">There is a mistake; it holds all of them.</exception>
    public static IReadOnlyList<ModelServerOptions> Read(IConfiguration configuration)
    {
        var mistakes = new List<string>();
        var servers = configuration[Url] is { } url
            ? [Single(url, configuration, mistakes)]
            : configuration.GetSection(ModelServerOptions.Section).GetChildren()
                .Select(section => Bind(section, $"ModelServers[{section.Key}]", mistakes)).ToList();
        if (configuration[Url] is null &&
            ((configuration[Api] ?? configuration[Key]) is not null || configuration.GetSection(Rest).Exists()))
        {
            mistakes.Add("ModelApi, ModelKey and ModelServer (--model-…) belong to ModelUrl (--model-url), which is " +
                "missing.");
        }

        return Checked(servers, mistakes);
    }

    /// <summary>Takes keys from the environment, and checks.</summary>
    /// <exception cref="OptionsValidationException">There is a mistake; it holds all of them.</exception>
    public static IReadOnlyList<ModelServerOptions> Checked(
        IReadOnlyList<ModelServerOptions> servers, IReadOnlyList<string> mistakes)
    {
        foreach (var server in servers)
        {
            server.Key ??= server.KeyEnvironment is { Length: > 0 } variable
                ? Environment.GetEnvironmentVariable(variable)
                : null;
        }

        string[] all = [.. mistakes, .. ModelServerRules.Check(servers)];
        return all.Length == 0
            ? servers
            : throw new OptionsValidationException("ModelServers", typeof(ModelServerOptions), all);
    }

    private static ModelServerOptions Single(string url, IConfiguration configuration, List<string> mistakes)
    {
        var server = Bind(configuration.GetSection(Rest), "ModelServer", mistakes);
        server.Name = server.Name.Length > 0 ? server.Name : NameOf(url);
        server.Urls.Insert(0, url);
        server.Api = configuration[Api] ?? server.Api;
        server.Key = configuration[Key];
        return server;
    }

    /// <summary>
    /// Host, port and path without <c>/v1</c>: another server has another name, and is not sent the ids that this one
    /// gave to items.
    /// </summary>
    private static string NameOf(string url)
    {
        var place = Uri.TryCreate(url, UriKind.Absolute, out var uri) ? uri.Authority + PathOf(uri) : "";
        var name = string.Concat(place.Select(static letter =>
            char.IsAsciiLetterOrDigit(letter) || letter is '.' or '_' ? letter : '-')).Trim('-');
        if (name.Length > NameCharsMax)
        {
            var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(place)))[..NameHashChars];
            name = $"{name[..(NameCharsMax - NameHashChars - 1)]}-{hash}";
        }

        return name.Length > 0 ? name : "model";
    }

    private static string PathOf(Uri url)
    {
        var path = url.AbsolutePath.TrimEnd('/');
        return path.EndsWith("/v1", StringComparison.Ordinal) ? path[..^"/v1".Length] : path;
    }

    private static IEnumerable<string> UnknownOf(IConfigurationSection section, Type options, string place)
    {
        var known = options.GetProperties().Select(static property => property.Name)
            .ToHashSet(StringComparer.OrdinalIgnoreCase);
        return section.GetChildren().Where(child => !known.Contains(child.Key))
            .Select(child => $"{place}: there is no setting '{child.Key}'.");
    }

    private static ModelServerOptions Bind(IConfigurationSection section, string server, List<string> mistakes)
    {
        mistakes.AddRange(UnknownOf(section, typeof(ModelServerOptions), server));
        mistakes.AddRange(UnknownOf(section.GetSection(nameof(ModelServerOptions.DialectEntries)),
            typeof(DialectOptions), $"{server}: DialectEntries"));
        if (section[nameof(ModelServerOptions.Key)] is not null)
        {
            mistakes.Add($"{server}: a key does not belong in settings; name the environment variable that holds it " +
                "in KeyEnvironment.");
        }

        try
        {
            var bound = section.Get<ModelServerOptions>() ?? new ModelServerOptions();
            var entries = bound.DialectEntries;
            entries.Members ??= EmptyList(section, nameof(entries.Members));
            entries.Efforts ??= EmptyList(section, nameof(entries.Efforts));
            entries.ImageDetails ??= EmptyList(section, nameof(entries.ImageDetails));
            return bound;
        }
        catch (InvalidOperationException e)
        {
            // The binder names path, value and type of the first value that it could not convert.
            mistakes.Add($"{server}: {e.Message}");
            return new ModelServerOptions();
        }
    }

    /// <summary>An entry that is given as an empty list, which the binder takes for one that is not given.</summary>
    private static string[]? EmptyList(IConfigurationSection server, string entry) =>
        server.GetSection(nameof(ModelServerOptions.DialectEntries))[entry] is "" ? [] : null;
}
